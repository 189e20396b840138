import { describe, expect, it } from 'vitest'
import { newDoor } from '../../src/chat/changes.ts'
import { type ChatTag, digestOf, newChatId, newUserId, tagOf } from '../../src/chat/ids.ts'
import type { Store } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'
import { eventually } from '../support/eventually.ts'
import { aHub, CONNECTION, turns } from '../support/hubs.ts'
import { sharedPresence } from '../support/presence.ts'
import { TestSink } from '../support/sink.ts'

async function aChat({ heartbeatMs = 60_000, wrap = (store: Store) => store } = {}) {
  const store = wrap(memoryStore(ROOMY))
  const user = newUserId()
  const chat = newChatId()
  await store.create(newDoor(chat, digestOf(user), 0))
  const hub = aHub(store, { heartbeatMs })
  const tag = tagOf(chat)
  const open = (sink = new TestSink()) => {
    hub.openChatStream(sink, tag, { user, isOwner: true, ...CONNECTION, cursor: undefined })
    return sink
  }
  const openLive = async (count: number) => {
    const sinks = Array.from({ length: count }, () => open())
    await eventually(() => sinks.every(({ events }) => events.includes('ready')), 'the streams are live')
    return sinks
  }
  const post = (text: string) => store.append(tag, 0, { from: 'owner', text, createdAt: 0 })
  return { hub, tag, open, openLive, post }
}

describe('the hub', () => {
  it('sends everything to more streams than it visits in a turn, also what is posted meanwhile', async () => {
    const { openLive, post } = await aChat()
    const sinks = await openLive(700)
    for (let id = 1; id <= 9; id++) {
      await post(`${id}`)
      await turns(1)
    }
    await eventually(() => sinks.every(({ messageIds }) => messageIds.length === 9), 'everybody has nine messages')
    for (const { messageIds } of sinks) expect(messageIds).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('answers a post before it sends it to anybody, and writes the posts of one turn at once', async () => {
    const { openLive, post } = await aChat()
    const [sink = new TestSink()] = await openLive(1)
    let writes = 0
    const write = sink.write.bind(sink)
    sink.write = (chunk: Buffer) => {
      writes++
      return write(chunk)
    }
    await Promise.all(['a', 'b', 'c'].map(post))
    expect(sink.messageIds).toEqual([])
    await eventually(() => sink.messageIds.length === 3, 'three messages arrive')
    expect(writes).toBe(1)
  })

  it('watches a chat once while anybody follows it, and not at all after that', async () => {
    const watching = new Map<ChatTag, number>()
    const count = (tag: ChatTag, change: number) => watching.set(tag, (watching.get(tag) ?? 0) + change)
    const { openLive, tag, post } = await aChat({
      wrap: (store) => ({
        ...store,
        watch: async (of, listener) => {
          const unwatch = await store.watch(of, listener)
          count(of, 1)
          return unwatch === 'gone' ? unwatch : () => void [count(of, -1), unwatch()]
        }
      })
    })
    const sinks = await openLive(2)
    expect(watching.get(tag)).toBe(1)
    for (const sink of sinks) sink.destroy()
    await eventually(() => watching.get(tag) === 0, 'nobody watches the chat')
    const [later] = await openLive(1)
    await post('again')
    await eventually(() => later?.messageIds.length === 1, 'the message arrives')
    expect(watching.get(tag)).toBe(1)
  })

  it('sends heartbeats to every stream', async () => {
    const { open } = await aChat({ heartbeatMs: 5 })
    const sinks = [open(), open()]
    const areBeating = () => sinks.every(({ text }) => (text.match(/^:$/gm) ?? []).length > 3)
    await eventually(areBeating, 'each stream has heartbeats')
  })

  it('has retracted the presence of owners when it has closed, and announces nobody after that', async () => {
    const calls: string[] = []
    const slowly = async (call: string) => {
      await turns(20)
      calls.push(call)
    }
    const presence = { announce: () => slowly('announced'), retract: () => slowly('retracted') }
    const wrap = (store: Store) => ({ ...store, presence: { ...sharedPresence()(), ...presence } })
    const { hub, tag, open, openLive } = await aChat({ wrap })
    await openLive(2)
    expect(await hub.isOwnerPresent(tag)).toBe(true)
    await hub.close()
    expect(calls).toEqual(['announced', 'retracted'])
    open()
    await turns(50)
    expect(calls).toEqual(['announced', 'retracted'])
  })

  it('closes in time although a reader takes nothing, and opens no stream after that', async () => {
    const { hub, open } = await aChat()
    const stuck = open(new TestSink({ stuck: true }))
    await eventually(() => stuck.writableLength > 0, 'the reader is stuck')
    await hub.close()
    expect(stuck.destroyed).toBe(true)
    const late = open()
    await eventually(() => late.destroyed, 'the late stream ends')
    expect(late.text).toBe('')
  })
})
