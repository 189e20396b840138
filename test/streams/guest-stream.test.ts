/** The stream of a guest while the store is slow to say whether the owner is present. */
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { tagOf } from '../../src/chat/ids.ts'
import { createService } from '../../src/chat/service.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'
import { eventually } from '../support/eventually.ts'
import { aHub, CONNECTION, turns } from '../support/hubs.ts'
import { sharedPresence } from '../support/presence.ts'
import { TestSink } from '../support/sink.ts'

beforeEach(() => {
  // No answer about the owner is late.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
})

/** A guest who is pending and follows the request. `asked`: questions for the owner that are not answered yet. */
async function aScene() {
  const asked: ((isPresent: boolean) => void)[] = []
  const isAnnounced = () => new Promise<boolean>((resolve) => asked.push(resolve))
  const store = { ...memoryStore(ROOMY), presence: { ...sharedPresence()(), isAnnounced } }
  const service = createService({ store, now: () => 0, chatTtlMs: 0 })
  const hub = aHub(store)
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author)
  const { client, request } = await (async () => {
    const found = await service.exchange(link.id, undefined)
    if (found.is !== 'guest') throw new Error('this is no guest')
    return found
  })()
  const sink = new TestSink()
  hub.openGuestStream(sink, { chat, link: link.id, title: null, user: client, ...CONNECTION })
  const isAsked = () => eventually(() => asked.length === 1, 'the store is asked')
  await isAsked()
  const answer = async (isPresent: boolean) => {
    asked.shift()?.(isPresent)
    await turns(10)
  }
  const decide = async (verdict: 'approve' | 'decline') => {
    await service.decide(link.id, author, request.id, verdict)
    await turns(10)
  }
  return { service, store, hub, sink, asked, isAsked, answer, decide, chat, tag: tagOf(chat), author }
}

/** Each state that was sent, and whether the owner was present then. */
const sent = ({ text }: TestSink) =>
  [...text.matchAll(/^id: (\w+)\nevent: approval\ndata: .*"owner_present":(\w+)/gm)].map(([, id, is]) => [id, is])

it('states are sent in order, each with what the store said about the owner then', async () => {
  const { sink, asked, isAsked, answer, decide } = await aScene()
  await decide('approve')
  expect([sent(sink), asked.length]).toEqual([[], 1])
  await answer(false)
  expect(sent(sink)).toEqual([['pending', 'false']])
  expect(sink.isComplete).toBe(false)
  await isAsked()
  await answer(true)
  const all = [
    ['pending', 'false'],
    ['approved', 'true']
  ]
  expect(sent(sink)).toEqual(all)
  await eventually(() => sink.isComplete, 'the stream ends')
})

it('nothing is sent after a final state, even if it has not been sent yet', async () => {
  const { sink, asked, answer, decide } = await aScene()
  await decide('approve')
  await decide('decline')
  await answer(false)
  await answer(false)
  await eventually(() => sink.isComplete, 'the stream ends')
  expect(sent(sink).map(([state]) => state)).toEqual(['pending', 'approved'])
  expect(asked).toEqual([])
})

it.each(['the chat is removed', 'the hub closes'] as const)(
  'what is being sent when %s comes before the end',
  async (what) => {
    const { sink, hub, store, tag, answer } = await aScene()
    const over = what === 'the hub closes' ? hub.close() : store.remove(tag)
    await turns(10)
    expect(sink.isComplete).toBe(false)
    await answer(true)
    await over
    await eventually(() => sink.isComplete, 'the stream ends')
    expect(sent(sink)).toEqual([['pending', 'true']])
  }
)

it('a reader that has gone meanwhile gets nothing', async () => {
  const { hub, sink, answer, decide, asked } = await aScene()
  await decide('approve')
  sink.destroy()
  const before = sink.text
  await answer(true)
  await answer(true)
  expect(sink.text).toBe(before)
  expect(hub.stats.deliveries).toBe(0)
  expect(asked).toEqual([])
})

it('a store that does not answer delays the state by half a second', async () => {
  const { sink } = await aScene()
  await vi.advanceTimersByTimeAsync(499)
  expect(sent(sink)).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  await turns(10)
  expect(sent(sink)).toEqual([['pending', 'false']])
})
