/** What real sockets rarely show: readers that take nothing, and batches that a stream has already sent. */
import { describe, expect, it } from 'vitest'
import type { LoggedEvent } from '../../src/chat/events.ts'
import { digestOf, newRequestId, newUserId } from '../../src/chat/ids.ts'
import { Requests } from '../../src/chat/requests.ts'
import { Batch } from '../../src/streams/batch.ts'
import { ChatStream } from '../../src/streams/chat-stream.ts'
import type { ChatSource } from '../../src/streams/follower.ts'
import { aDoor, withKnock, withLink } from '../support/doors.ts'
import { CONNECTION, turns } from '../support/hubs.ts'
import { TestSink } from '../support/sink.ts'

const invited = withLink(aDoor().door)

const message = (id: number, text = ''): LoggedEvent => ({ type: 'message', id, json: JSON.stringify({ id, text }) })

/** The source of a chat with these events, and its owner. */
function aSource(events: LoggedEvent[]): { source: ChatSource; user: ReturnType<typeof newUserId> } {
  const user = newUserId()
  const door = { ...aDoor().door, owner: digestOf(user) }
  const last = events.at(-1)?.id ?? 0
  const source = {
    newest: last,
    load: async () => ({ door, version: 1, lastEventId: last, idleSince: 0 }),
    events: async (after: number) => events.filter(({ id }) => id > after)
  }
  return { source, user }
}

async function aLiveStream(sink: TestSink, events: LoggedEvent[], maxBufferBytes: number): Promise<ChatStream> {
  const { source, user } = aSource(events)
  const stream = new ChatStream(sink, maxBufferBytes, CONNECTION)
  await stream.begin(source, { user, ...CONNECTION, cursor: '0' })
  return stream
}

describe('a live stream', () => {
  it('sends nothing twice from batches that it received while it caught up', async () => {
    const sink = new TestSink()
    const events = Array.from({ length: 10 }, (_, index) => message(index + 1))
    const stream = await aLiveStream(sink, events, 1000)
    const before = sink.text
    stream.deliver(new Batch(events.slice(0, 5)))
    stream.deliver(new Batch(events.slice(5)))
    expect(sink.text).toBe(before)
    stream.deliver(new Batch([message(10), message(11)]))
    expect(sink.text.slice(before.length)).toMatch(/^id: 11\n.*\n.*\n\n$/)
  })

  it('sends only the new events of a batch with a join request', async () => {
    const sink = new TestSink()
    const stream = await aLiveStream(sink, [message(1), message(2)], 10_000)
    const { request } = withKnock(invited.door, invited.link)
    const before = sink.text.length
    stream.deliver(new Batch([message(1), message(2), { type: 'join_request', id: 3, request }, message(4)]))
    expect(sink.text.slice(before).match(/^id: \d+$/gm)).toEqual(['id: 3', 'id: 4'])
  })

  it('is cut off for buffered live bytes, not for a buffered replay', async () => {
    const sink = new TestSink({ stuck: true })
    const stream = await aLiveStream(sink, [message(1, 'x'.repeat(15_000))], 1000)
    expect(sink.writableLength).toBeGreaterThan(15_000)
    stream.deliver(new Batch([message(2, 'x'.repeat(500))]))
    expect(sink.destroyed).toBe(false)
    stream.deliver(new Batch([message(3, 'x'.repeat(500))]))
    expect(sink.destroyed).toBe(true)
  })
})

describe('a stream that is reset', () => {
  it('is not cut off, however many requests are pending, until live bytes are buffered', async () => {
    const sink = new TestSink()
    const stream = await aLiveStream(sink, [], 1000)
    for (let id = 1; id <= 50; id++) stream.deliver(new Batch([message(id, 'x'.repeat(100))]))
    const { door, request } = withKnock(invited.door, invited.link)
    const requests = Requests.from(
      Array.from({ length: 30 }, () => ({ ...request, id: newRequestId(), guest: digestOf(newUserId()) }))
    )
    const waiting = { door: { ...door, requests }, version: 1, lastEventId: 50, idleSince: 0 }
    sink.stick()
    await stream.reset({ newest: 50, load: async () => waiting, events: async () => [] })
    expect(sink.writableLength).toBeGreaterThan(5000)
    stream.deliver(new Batch([message(51, 'x'.repeat(500))]))
    expect(sink.destroyed).toBe(false)
    stream.deliver(new Batch([message(52, 'x'.repeat(500))]))
    expect([sink.destroyed, sink.isComplete]).toEqual([true, false])
  })
})

describe('a stream that catches up', () => {
  it('ends if its reader is no longer a member', async () => {
    const sink = new TestSink()
    const { source } = aSource([message(1)])
    const stream = new ChatStream(sink, 1000, CONNECTION)
    await stream.begin(source, { user: newUserId(), ...CONNECTION, cursor: '0' })
    expect([sink.text, sink.isComplete]).toEqual(['event: closed\ndata: {"reason":"removed"}\n\n', true])
  })
})

describe('a reader that takes nothing', () => {
  it('receives one page of a long replay at most', async () => {
    const sink = new TestSink({ stuck: true })
    const events = Array.from({ length: 50 }, (_, index) => message(index + 1, 'x'.repeat(1000)))
    const { source, user } = aSource(events)
    let reads = 0
    const counting = {
      ...source,
      events: async (after: number) => {
        reads++
        return events.slice(after, after + 20)
      }
    }
    const stream = new ChatStream(sink, 1, CONNECTION)
    const catchingUp = stream.begin(counting, { user, ...CONNECTION, cursor: '0' })
    await turns(20)
    expect(reads).toBe(1)
    sink.destroy()
    await catchingUp
  })

  it('receives no heartbeats', async () => {
    const sink = new TestSink({ stuck: true })
    const stream = await aLiveStream(sink, [], 1000)
    const waiting = sink.writableLength
    stream.heartbeat()
    expect(sink.writableLength).toBe(waiting)
  })
})
