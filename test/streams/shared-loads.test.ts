/** Followers of a chat that look at the same time share one load, which is never older than what they know. */
import { expect, it } from 'vitest'
import type { Look, Store } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { aChat, append } from '../store/contract/support.ts'
import { ROOMY } from '../store/contract.ts'
import { eventually } from '../support/eventually.ts'
import { aHub, aWait, turns } from '../support/hubs.ts'

/** A chat whose loads are answered when `answer` is called, each with the chat as it was when it was asked for. */
async function aScene({ answersAtOnce = false } = {}) {
  const memory = memoryStore(ROOMY)
  const tag = await aChat(memory)
  const held: (() => void)[] = []
  let loads = 0
  const during = new Map<number, () => Promise<unknown>>()
  const store: Store = {
    ...memory,
    load: async (of) => {
      loads++
      const number = loads
      const chat = await memory.load(of)
      await during.get(number)?.()
      if (!answersAtOnce) await new Promise<void>((resolve) => held.push(resolve))
      return chat
    }
  }
  const hub = aHub(store)
  /** Waits for the event `last`, and is woken by those from `from` on. */
  const wait = (last: number, from = 0) => {
    const seen: number[] = []
    const isDone = async (look: Look) => {
      const lastEventId = (await look())?.lastEventId ?? -1
      seen.push(lastEventId)
      return lastEventId >= last
    }
    const wakes: Parameters<typeof hub.wait>[1]['wakes'] = (events) => events.some(({ id }) => id >= from)
    return { seen, over: hub.wait(tag, { ...aWait(isDone), wakes }) }
  }
  return {
    wait,
    answer: () => {
      for (const resolve of held.splice(0)) resolve()
    },
    post: () => append(memory, tag, 'hello'),
    loads: () => loads,
    /** Does something while this load is on its way. */
    during: (load: number, act: () => Promise<unknown>) => void during.set(load, act),
    untilLoads: (count: number) => eventually(() => loads === count, `there are ${count} loads`)
  }
}

const haveSeen = (waits: readonly { seen: number[] }[], count: number) =>
  eventually(() => waits.every(({ seen }) => seen.length === count), 'all have looked')

it('an event that wakes many waits is one load, however fast the store answers', async () => {
  for (const answersAtOnce of [false, true]) {
    const { answer, wait, post, untilLoads, loads } = await aScene({ answersAtOnce })
    const waits = Array.from({ length: 800 }, () => wait(1))
    await turns(5)
    answer()
    await haveSeen(waits, 1)
    const before = loads()
    await post()
    await untilLoads(before + 1)
    await turns(10)
    answer()
    await Promise.all(waits.map(({ over }) => over))
    expect(loads()).toBe(before + 1)
  }
})

it('a load that was begun before an event does not serve a wait that the event wakes', async () => {
  const { answer, wait, post, during, untilLoads } = await aScene()
  during(2, post)
  const waits = [wait(2), wait(2, 2)]
  await untilLoads(1)
  answer()
  await haveSeen(waits, 1)
  await post()
  await untilLoads(3)
  answer()
  await untilLoads(4)
  answer()
  await Promise.all(waits.map(({ over }) => over))
  expect(waits.map(({ seen }) => seen)).toEqual([
    [0, 1, 2],
    [0, 2]
  ])
})

it('a wait shares no load that was begun before it came', async () => {
  const { answer, wait, untilLoads } = await aScene()
  const waits = [wait(0)]
  await untilLoads(1)
  waits.push(wait(0), wait(0))
  await untilLoads(2)
  answer()
  await Promise.all(waits.map(({ over }) => over))
})
