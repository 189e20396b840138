/** Whoever waits is told at the moment when time is up, though nothing else happens: with timers that the test turns. */
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { type ChatTag, tagOf } from '../../src/chat/ids.ts'
import { createService } from '../../src/chat/service.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { Hub } from '../../src/streams/hub.ts'
import { ROOMY } from '../store/contract.ts'
import { TestSink } from '../support/sink.ts'

type Settle = (tag: ChatTag) => Promise<number | undefined>

const MINUTE = 60_000
const MAX_TIMER_MS = 2 ** 31 - 1

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
})

/** Lets the event loop turn until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

/** Lets everything happen that needs no timer. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function aScene({ settle }: { settle?: (tag: ChatTag, real: Settle) => ReturnType<Settle> } = {}) {
  const clock = { now: 0 }
  const store = memoryStore(ROOMY)
  const service = createService({ store, now: () => clock.now, chatTtlMs: 0 })
  const faults: unknown[] = []
  const hub = new Hub({
    store,
    applyDueExpiries: (tag) => settle?.(tag, service.applyDueExpiries) ?? service.applyDueExpiries(tag),
    heartbeatMs: MINUTE,
    maxBufferBytes: 1_000_000,
    maxStreams: 100,
    onFault: (error) => faults.push(error)
  })
  const { chat, author } = await service.createChat()
  const pass = async (ms: number): Promise<void> => {
    clock.now += ms
    await vi.advanceTimersByTimeAsync(ms)
    await someTurns()
  }
  const knock = async (expiresInSeconds?: number) => {
    const { link } = await service.createLink(chat, author, { expiresInSeconds })
    const found = await service.exchange(link.id, undefined)
    if (found.is !== 'guest') throw new Error('not let wait')
    return { link: link.id, client: found.client, id: found.request.id }
  }
  const follow = ({ client }: Awaited<ReturnType<typeof knock>>): TestSink => {
    const sink = new TestSink()
    hub.openGuestStream(sink, { chat, user: client, base: 'http://localhost', isChunked: true })
    onTestFinished(() => void sink.destroy())
    return sink
  }
  return { service, store, hub, chat, tag: tagOf(chat), author, faults, pass, knock, follow }
}

const states = ({ text }: TestSink) => [...text.matchAll(/^id: (\w+)$/gm)].map(([, id]) => id)

it('a guest is told at the instant at which the link expires, and not before', async () => {
  const { knock, follow, pass } = await aScene()
  const sink = follow(await knock(60))
  await until(() => states(sink).length === 1)
  await pass(MINUTE - 1)
  expect(states(sink)).toEqual(['pending'])
  await pass(1)
  expect(states(sink)).toEqual(['pending', 'closed'])
  expect(sink.text).toContain('"reason":"expired"')
  expect(sink.isComplete).toBe(true)
})

it('so is one who waits for an answer', async () => {
  const { service, hub, tag, knock, pass } = await aScene()
  const { link, client } = await knock(60)
  let looks = 0
  let state: string | undefined
  const waited = hub.wait(tag, 300, new AbortController().signal, async () => {
    looks++
    state = (await service.ownRequest(link, client)).request.state
    return state !== 'pending'
  })
  await until(() => looks > 0)
  await pass(MINUTE - 1)
  expect(state).toBe('pending')
  await pass(1)
  await waited
  expect(state).toBe('closed')
})

it('each is told in turn, also at links that were made while others waited', async () => {
  const { knock, follow, pass } = await aScene()
  const forever = follow(await knock())
  const second = follow(await knock(120))
  await until(() => states(second).length === 1)
  const first = follow(await knock(60))
  const third = follow(await knock(180))
  await until(() => [first, third].every((sink) => states(sink).length === 1))
  const ended = () => [forever, first, second, third].map((sink) => sink.writableEnded)
  await pass(MINUTE)
  expect(ended()).toEqual([false, true, false, false])
  await pass(MINUTE)
  expect(ended()).toEqual([false, true, true, false])
  await pass(MINUTE)
  expect(ended()).toEqual([false, true, true, true])
})

it('a deadline further away than a timer can reach is come to in steps', async () => {
  const yearMs = 31_536_000_000
  let settled = 0
  const { knock, follow, pass } = await aScene({
    settle: (tag, real) => {
      settled++
      return real(tag)
    }
  })
  const sink = follow(await knock(yearMs / 1000))
  await until(() => states(sink).length === 1)
  const before = settled
  for (let left = yearMs; left > 1; left -= MAX_TIMER_MS) await pass(Math.min(MAX_TIMER_MS, left - 1))
  expect(states(sink)).toEqual(['pending'])
  expect(settled - before).toBeLessThan(20)
  await pass(1)
  expect(states(sink)).toEqual(['pending', 'closed'])
})

it('no timer is left once nobody follows the chat, or where nothing will be due', async () => {
  const { knock, follow, service, author } = await aScene()
  const { link, ...guest } = await knock(60)
  const sink = follow({ link, ...guest })
  await until(() => states(sink).length === 1)
  expect(vi.getTimerCount()).toBe(1)
  sink.destroy()
  await someTurns()
  expect(vi.getTimerCount()).toBe(0)
  await service.revokeLink(link, author)
  const forever = follow(await knock())
  await until(() => states(forever).length === 1)
  await someTurns()
  expect(vi.getTimerCount()).toBe(0)
})

it('a store that fails at the moment is reported, and asked again', async () => {
  let isDown = false
  const { knock, follow, pass, faults } = await aScene({
    settle: async (tag, real) => {
      if (isDown) throw new Error('down')
      return real(tag)
    }
  })
  const sink = follow(await knock(60))
  await until(() => states(sink).length === 1)
  isDown = true
  await pass(MINUTE)
  await pass(5000)
  expect(states(sink)).toEqual(['pending'])
  expect(faults.length).toBeGreaterThan(2)
  isDown = false
  await pass(1000)
  expect(states(sink)).toEqual(['pending', 'closed'])
})

it('a look at the chat that was overtaken by another does not undo the deadline that the other found', async () => {
  let goOn = () => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  let calls = 0
  const { knock, follow, pass } = await aScene({
    settle: async (tag, real) => {
      const isFirst = calls++ === 0
      const found = await real(tag)
      if (isFirst) await held
      return found
    }
  })
  const forever = follow(await knock())
  await until(() => states(forever).length === 1)
  const sink = follow(await knock(60))
  await until(() => states(sink).length === 1)
  goOn()
  await someTurns()
  await pass(MINUTE)
  expect(states(sink)).toEqual(['pending', 'closed'])
})
