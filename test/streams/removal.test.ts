/**
 * Removal is strict, whatever is in flight: random posts, reads, replays and streams of a member who is removed or leaves
 * meanwhile, over a store whose answers take a random number of turns of the event loop.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { tagOf } from '../../src/chat/ids.ts'
import { createService } from '../../src/chat/service.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'
import { aHub, CONNECTION, turns } from '../support/hubs.ts'
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
  'remove',
  'leave'
] as const

type Act = (typeof ACTS)[number]

async function aScene(pauses: () => number) {
  const store = slowStore(memoryStore(ROOMY), pauses)
  const service = createService({ store, now: () => 0, chatTtlMs: 0 })
  const hub = aHub(store, { applyDueExpiries: service.applyDueExpiries })
  const { chat, author: owner } = await service.createChat()
  const { link } = await service.createLink(chat, owner)
  const found = await service.exchange(link.id, undefined)
  if (found.is !== 'guest') throw new Error('this is no guest')
  const { client: guest, request } = found
  await service.decide(link.id, owner, request.id, 'approve')
  /** The guest's streams, and the ids of the messages that the guest posted or read. */
  const sinks: TestSink[] = []
  const seen: number[] = []

  const follow = async (user: typeof guest, cursor: string | undefined): Promise<TestSink> => {
    const { tag, you } = await service.authorizeStream(chat, user)
    const sink = new TestSink()
    hub.openChatStream(sink, tag, { user, isOwner: you === 'owner', ...CONNECTION, cursor })
    return sink
  }
  const acts: Record<Act, () => Promise<unknown>> = {
    post: async () => seen.push((await service.postMessage(chat, guest, 'guest')).id),
    read: async () => {
      const { first: page } = await service.readMessages(chat, guest, {})
      const read: { id: number }[] = JSON.parse(`[${Buffer.concat(page.json)}]`)
      seen.push(...read.map(({ id }) => id))
    },
    follow: async () => sinks.push(await follow(guest, undefined)),
    resume: async () => sinks.push(await follow(guest, '0')),
    'owner posts': () => service.postMessage(chat, owner, 'owner'),
    turn: () => turns(1),
    remove: () => service.decide(link.id, owner, request.id, 'decline'),
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

const isOver = (sink: TestSink) => sink.destroyed || sink.writableEnded

it('a member who was removed or has left posts, reads and receives nothing later', async () => {
  const pauses = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 })
  const sequences = fc.array(fc.constantFrom(...ACTS), { minLength: 5, maxLength: 40 })
  let removals = 0
  await fc.assert(
    fc.asyncProperty(pauses, sequences, async (lengths, sequence) => {
      let call = 0
      const { acts, sinks, seen, removal, hub } = await aScene(() => lengths[call++ % lengths.length] ?? 0)
      const working: Promise<unknown>[] = []
      for (const act of sequence) {
        // Refusals are expected.
        working.push(acts[act]().catch(() => undefined))
        if (act === 'turn') await working.at(-1)
      }
      await Promise.all(working)
      const at = await removal()
      await turns(60)
      for (const id of [...seen, ...sinks.flatMap(({ messageIds }) => messageIds)]) expect(id).toBeLessThan(at)
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
