/**
 * Removal is strict, whatever is in flight: random posts, reads, replays and streams of a guest who is put out or leaves
 * meanwhile, over a store whose every answer takes a random number of turns of the event loop.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { tagOf } from '../../src/chat/ids.ts'
import { createService } from '../../src/chat/service.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { Hub } from '../../src/streams/hub.ts'
import { ROOMY } from '../store/contract.ts'
import { TestSink } from '../support/sink.ts'
import { slowStore } from '../support/slow-store.ts'

const ACTS = [
  'post',
  'read',
  'follow',
  'resume',
  'owner posts',
  'owner posts',
  'turn',
  'turn',
  'put out',
  'leave'
] as const

type Act = (typeof ACTS)[number]

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

async function aScene(turns: () => number) {
  const store = slowStore(memoryStore(ROOMY), turns)
  const service = createService({ store, now: () => 0, chatTtlMs: 0 })
  const onFault = (error: unknown) => {
    throw error
  }
  const { applyDueExpiries } = service
  const hub = new Hub({ store, applyDueExpiries, heartbeatMs: 60_000, maxBufferBytes: 1e6, maxStreams: 1e4, onFault })
  const { chat, author: owner } = await service.createChat()
  const { link } = await service.createLink(chat, owner)
  const found = await service.exchange(link.id, undefined)
  if (found.is !== 'guest') throw new Error('not let wait')
  const { client: guest, request } = found
  await service.decide(link.id, owner, request.id, 'approve')
  /** What the guest's streams were sent, and the ids of the messages that the guest posted or read. */
  const sinks: TestSink[] = []
  const seen: number[] = []

  const follow = async (user: typeof guest, cursor: string | undefined): Promise<TestSink> => {
    const tag = await service.authorizeStream(chat, user)
    const sink = new TestSink()
    hub.openChatStream(sink, tag, { user, base: 'http://localhost', isChunked: true, cursor })
    return sink
  }
  const acts: Record<Act, () => Promise<unknown>> = {
    post: async () => seen.push((await service.postMessage(chat, guest, 'guest')).id),
    read: async () => {
      const { page } = await service.readMessages(chat, guest, {})
      const read: { id: number }[] = JSON.parse(`[${Buffer.concat(page.json)}]`)
      seen.push(...read.map(({ id }) => id))
    },
    follow: async () => sinks.push(await follow(guest, undefined)),
    resume: async () => sinks.push(await follow(guest, '0')),
    'owner posts': () => service.postMessage(chat, owner, 'owner'),
    turn: nextTurn,
    'put out': () => service.decide(link.id, owner, request.id, 'decline'),
    leave: () => service.leave(link.id, guest)
  }
  const removal = async (): Promise<number> => {
    const events = await store.events(tagOf(chat), 0, { maxBytes: 1e6, allJoins: true })
    if (typeof events === 'string') throw new Error(events)
    const ended = events.find(({ type }) => type === 'join_declined' || type === 'join_closed')
    return ended?.id ?? Number.POSITIVE_INFINITY
  }
  return { acts, sinks, seen, removal, hub }
}

const messageIds = ({ text }: TestSink) =>
  [...text.matchAll(/^id: (\d+)\nevent: message$/gm)].map(([, id]) => Number(id))
const isOver = (sink: TestSink) => sink.destroyed || sink.writableEnded

it('who was put out or has left posts nothing, reads nothing and is sent nothing of what came later', async () => {
  const pauses = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 })
  const sequences = fc.array(fc.constantFrom(...ACTS), { minLength: 5, maxLength: 40 })
  let removals = 0
  await fc.assert(
    fc.asyncProperty(pauses, sequences, async (turns, sequence) => {
      let call = 0
      const { acts, sinks, seen, removal, hub } = await aScene(() => turns[call++ % turns.length] ?? 0)
      const working: Promise<unknown>[] = []
      for (const act of sequence) {
        // Refusals are expected: what counts is what got through.
        working.push(acts[act]().catch(() => undefined))
        if (act === 'turn') await working.at(-1)
      }
      await Promise.all(working)
      const at = await removal()
      for (let turn = 0; turn < 60; turn++) await nextTurn()
      for (const id of [...seen, ...sinks.flatMap(messageIds)]) expect(id).toBeLessThan(at)
      expect(sinks.map(isOver)).toEqual(sinks.map(() => at !== Number.POSITIVE_INFINITY))
      for (const { text, isComplete } of sinks.filter(isOver)) {
        removals++
        expect(isComplete).toBe(true)
        expect(text).toMatch(/event: closed\ndata: {"reason":"(removed|left)"}\n\n$/)
      }
      await hub.close()
    }),
    { numRuns: 150 }
  )
  expect(removals).toBeGreaterThan(50)
})
