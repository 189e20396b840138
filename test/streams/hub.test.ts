import { describe, expect, it, onTestFinished } from 'vitest'
import { newDoor } from '../../src/chat/changes.ts'
import { type ChatTag, digestOf, newChatId, newUserId, tagOf } from '../../src/chat/ids.ts'
import type { Store } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { Hub } from '../../src/streams/hub.ts'
import { ROOMY } from '../store/contract.ts'
import { TestSink } from '../support/sink.ts'

async function aHub({ heartbeatMs = 60_000, wrap = (store: Store) => store } = {}) {
  const store = wrap(memoryStore(ROOMY))
  const user = newUserId()
  const chat = newChatId()
  await store.create(newDoor(chat, digestOf(user), 0))
  const hub = new Hub({
    store,
    applyDueExpiries: async () => undefined,
    heartbeatMs,
    maxBufferBytes: 1_000_000,
    maxStreams: 10_000,
    onFault: () => {}
  })
  onTestFinished(() => hub.close())
  const tag = tagOf(chat)
  const open = (sink = new TestSink()) => {
    hub.openChatStream(sink, tag, { user, base: 'http://localhost', isChunked: true, cursor: undefined })
    return sink
  }
  const post = (text: string) => store.append(tag, 0, { text, createdAt: 0 })
  return { store, hub, tag, open, post }
}

/** Lets the event loop turn until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

const messageIds = ({ text }: TestSink) =>
  [...text.matchAll(/^id: (\d+)\nevent: message$/gm)].map(([, id]) => Number(id))

describe('the hub', () => {
  it('tells more readers than it visits a turn, also what is posted while it tells', async () => {
    const { open, post } = await aHub()
    const sinks = Array.from({ length: 700 }, () => open())
    await until(() => sinks.every(({ text }) => text.includes('event: ready')))
    for (let id = 1; id <= 9; id++) {
      await post(`${id}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => sinks.every((sink) => messageIds(sink).length === 9))
    for (const sink of sinks) expect(messageIds(sink)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('answers who posts before it tells anybody, and writes once for all that a turn has brought', async () => {
    const { open, post } = await aHub()
    const sink = open()
    await until(() => sink.text.includes('event: ready'))
    let writes = 0
    const write = sink.write.bind(sink)
    sink.write = (chunk: Buffer) => {
      writes++
      return write(chunk)
    }
    await Promise.all(['a', 'b', 'c'].map(post))
    expect(messageIds(sink)).toEqual([])
    await until(() => messageIds(sink).length === 3)
    expect(writes).toBe(1)
  })

  it('watches a chat once while somebody follows it, and no longer', async () => {
    const watching = new Map<ChatTag, number>()
    const count = (tag: ChatTag, change: number) => watching.set(tag, (watching.get(tag) ?? 0) + change)
    const { open, tag, post } = await aHub({
      wrap: (store) => ({
        ...store,
        watch: async (of, listener) => {
          const unwatch = await store.watch(of, listener)
          count(of, 1)
          return unwatch === 'gone' ? unwatch : () => void [count(of, -1), unwatch()]
        }
      })
    })
    const sinks = [open(), open()]
    await until(() => sinks.every(({ text }) => text.includes('event: ready')))
    expect(watching.get(tag)).toBe(1)
    for (const sink of sinks) sink.destroy()
    await until(() => watching.get(tag) === 0)
    const later = open()
    await until(() => later.text.includes('event: ready'))
    await post('again')
    await until(() => messageIds(later).length === 1)
    expect(watching.get(tag)).toBe(1)
  })

  it('sends a heartbeat to all', async () => {
    const { open } = await aHub({ heartbeatMs: 5 })
    const sinks = [open(), open()]
    await until(() => sinks.every(({ text }) => (text.match(/^:$/gm) ?? []).length > 3))
  })

  it('closes within its deadline also where a reader takes nothing, and opens nothing after that', async () => {
    const { hub, open } = await aHub()
    const stuck = open(new TestSink({ stuck: true }))
    await until(() => stuck.writableLength > 0)
    await hub.close()
    expect(stuck.destroyed).toBe(true)
    const late = open()
    await until(() => late.destroyed)
    expect(late.text).toBe('')
  })
})
