/** Pending guests are notified at the instant at which a link expires, without any request: with fake timers. */
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { type ChatTag, tagOf } from '../../src/chat/ids.ts'
import { createService } from '../../src/chat/service.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'
import { eventually } from '../support/eventually.ts'
import { aHub, aWait, CONNECTION, turns } from '../support/hubs.ts'
import { TestSink } from '../support/sink.ts'

type ApplyDueExpiries = (tag: ChatTag) => Promise<number | undefined>

const MINUTE = 60_000
const MAX_TIMER_MS = 2 ** 31 - 1

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
})

type Wrap = (tag: ChatTag, real: ApplyDueExpiries) => ReturnType<ApplyDueExpiries>

/** `wrap` stands between the hub and the service. */
async function aScene(wrap: Wrap = (tag, real) => real(tag)) {
  const clock = { now: 0 }
  const store = memoryStore(ROOMY)
  const service = createService({ store, now: () => clock.now, chatTtlMs: 0 })
  const faults: unknown[] = []
  const hub = aHub(store, {
    applyDueExpiries: (tag) => wrap(tag, service.applyDueExpiries),
    heartbeatMs: MINUTE,
    onFault: (error) => faults.push(error)
  })
  const { chat, author } = await service.createChat()
  const pass = async (ms: number): Promise<void> => {
    clock.now += ms
    await vi.advanceTimersByTimeAsync(ms)
    await turns(10)
  }
  const knock = async (expiresInSeconds?: number) => {
    const { link } = await service.createLink(chat, author, { expiresInSeconds })
    const found = await service.exchange(link.id, undefined)
    if (found.is !== 'guest') throw new Error('this is no guest')
    return { ...found, id: found.request.id }
  }
  const follow = ({ link, client }: Awaited<ReturnType<typeof knock>>): TestSink => {
    const sink = new TestSink()
    hub.openGuestStream(sink, { chat, link, title: null, user: client, ...CONNECTION })
    onTestFinished(() => void sink.destroy())
    return sink
  }
  return { service, store, hub, chat, tag: tagOf(chat), author, faults, pass, knock, follow }
}

const states = ({ text }: TestSink) => [...text.matchAll(/^id: (\w+)$/gm)].map(([, id]) => id)

const isPending = (...sinks: TestSink[]) =>
  eventually(() => sinks.every((sink) => states(sink).length === 1), 'the streams have sent the state')

it('the stream of a guest ends at the instant at which the link expires, and not before', async () => {
  const { knock, follow, pass } = await aScene()
  const sink = follow(await knock(60))
  await isPending(sink)
  await pass(MINUTE - 1)
  expect(states(sink)).toEqual(['pending'])
  await pass(1)
  expect(states(sink)).toEqual(['pending', 'closed'])
  expect(sink.text).toContain('"reason":"expired"')
  expect(sink.isComplete).toBe(true)
})

it('a request that waits is answered at the instant at which the link expires, and not before', async () => {
  const { service, hub, tag, knock, pass } = await aScene()
  const { link, client } = await knock(60)
  let polls = 0
  let state: string | undefined
  const isDone = async () => {
    polls++
    state = (await service.ownRequest(link, client)).request.state
    return state !== 'pending'
  }
  const waited = hub.wait(tag, aWait(isDone))
  await eventually(() => polls > 0, 'the request waits')
  await pass(MINUTE - 1)
  expect(state).toBe('pending')
  await pass(1)
  await waited
  expect(state).toBe('closed')
})

it('each link expires at its own instant, also if it was made while guests of others were pending', async () => {
  const { knock, follow, pass } = await aScene()
  const forever = follow(await knock())
  const second = follow(await knock(120))
  await isPending(second)
  const first = follow(await knock(60))
  const third = follow(await knock(180))
  await isPending(first, third)
  const ended = () => [forever, first, second, third].map((sink) => sink.writableEnded)
  await pass(MINUTE)
  expect(ended()).toEqual([false, true, false, false])
  await pass(MINUTE)
  expect(ended()).toEqual([false, true, true, false])
  await pass(MINUTE)
  expect(ended()).toEqual([false, true, true, true])
})

it('a deadline beyond the maximum of a timer is reached in steps', async () => {
  const yearMs = 31_536_000_000
  let applied = 0
  const { knock, follow, pass } = await aScene((tag, real) => {
    applied++
    return real(tag)
  })
  const sink = follow(await knock(yearMs / 1000))
  await isPending(sink)
  const before = applied
  for (let left = yearMs; left > 1; left -= MAX_TIMER_MS) await pass(Math.min(MAX_TIMER_MS, left - 1))
  expect(states(sink)).toEqual(['pending'])
  expect(applied - before).toBeLessThan(20)
  await pass(1)
  expect(states(sink)).toEqual(['pending', 'closed'])
})

it('there is no timer if nobody follows the chat or nothing will be due', async () => {
  const { knock, follow, service, author } = await aScene()
  const { link, ...guest } = await knock(60)
  const sink = follow({ link, ...guest })
  await isPending(sink)
  expect(vi.getTimerCount()).toBe(1)
  sink.destroy()
  await turns(10)
  expect(vi.getTimerCount()).toBe(0)
  await service.revokeLink(link, author)
  const forever = follow(await knock())
  await isPending(forever)
  await turns(10)
  expect(vi.getTimerCount()).toBe(0)
})

it('a store that fails at that instant is reported, and tried again', async () => {
  let isDown = false
  const { knock, follow, pass, faults } = await aScene(async (tag, real) => {
    if (isDown) throw new Error('down')
    return real(tag)
  })
  const sink = follow(await knock(60))
  await isPending(sink)
  isDown = true
  await pass(MINUTE)
  await pass(5000)
  expect(states(sink)).toEqual(['pending'])
  expect(faults.length).toBeGreaterThan(2)
  isDown = false
  await pass(1000)
  expect(states(sink)).toEqual(['pending', 'closed'])
})

it('a slow answer about deadlines does not replace a newer one', async () => {
  let goOn = () => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  let calls = 0
  const { knock, follow, pass } = await aScene(async (tag, real) => {
    const isFirst = calls++ === 0
    const found = await real(tag)
    if (isFirst) await held
    return found
  })
  const forever = follow(await knock())
  await isPending(forever)
  const sink = follow(await knock(60))
  await isPending(sink)
  goOn()
  await turns(10)
  await pass(MINUTE)
  expect(states(sink)).toEqual(['pending', 'closed'])
})
