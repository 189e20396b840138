/** Processes that share rate limits through a store. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { sharedStore } from '../../../src/http/limits/shared-counters.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A shared store, and processes that count in it. */
function aStore() {
  const totals = new Map<string, { total: number; endsAt: number }>()
  let failure: Error | undefined
  const calls: number[] = []
  const faults: unknown[] = []
  const count = async (key: string, by: number, lifetimeMs: number) => {
    calls.push(by)
    if (failure !== undefined) throw failure
    let found = totals.get(key)
    if (found === undefined || found.endsAt <= Date.now()) found = { total: 0, endsAt: Date.now() + lifetimeMs }
    found.total += by
    totals.set(key, found)
    return { total: found.total, endsInMs: found.endsAt - Date.now() }
  }
  const aProcess = () => {
    const Counters = sharedStore(count, (error) => faults.push(error))
    const counters = new Counters({})
    return (key: string) => {
      let current = 0
      counters.incr(
        key,
        (_error, result) => {
          current = result?.current ?? 0
        },
        60_000,
        10
      )
      return current
    }
  }
  return {
    calls,
    /** The reported faults. */
    faults,
    aProcess,
    failWith: (error: Error | undefined) => {
      failure = error
    }
  }
}

it('the counts of other processes are known a moment later, and nothing waits for them', async () => {
  const store = aStore()
  const [one, other] = [store.aProcess(), store.aProcess()]
  for (let index = 1; index <= 5; index++) expect(one('key')).toBe(index)
  expect(other('key')).toBe(1)
  await vi.advanceTimersByTimeAsync(600)
  expect(store.calls).toEqual([5, 1])
  expect(other('key')).toBe(7)
  await vi.advanceTimersByTimeAsync(600)
  expect(one('key')).toBe(6)
  await vi.advanceTimersByTimeAsync(600)
  expect(one('key')).toBe(9)
  expect(one('another')).toBe(1)
})

it('counters start again after the window of the first process', async () => {
  const store = aStore()
  const [one, other] = [store.aProcess(), store.aProcess()]
  one('key')
  await vi.advanceTimersByTimeAsync(50_000)
  other('key')
  await vi.advanceTimersByTimeAsync(600)
  expect(other('key')).toBe(3)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(other('key')).toBe(1)
})

it('each process counts alone while the store is unreachable', async () => {
  const store = aStore()
  store.failWith(new StoreUnavailable('unreachable'))
  const one = store.aProcess()
  for (let index = 1; index <= 20; index++) expect(one('key')).toBe(index)
  await vi.advanceTimersByTimeAsync(600)
  expect(one('key')).toBe(21)
  store.failWith(undefined)
  one('key')
  await vi.advanceTimersByTimeAsync(600)
  expect(store.aProcess()('key')).toBe(1)
  expect(store.calls.at(-1)).toBe(22)
})

it('a fault other than a lost connection is reported once, and again only after the store has worked', async () => {
  const store = aStore()
  const one = store.aProcess()
  const fault = new TypeError('a fault')
  for (const [failing, reported] of [
    [new StoreUnavailable('unreachable'), 0],
    [fault, 1],
    [fault, 1],
    [undefined, 1],
    [fault, 2]
  ] as const) {
    store.failWith(failing)
    one('key')
    await vi.advanceTimersByTimeAsync(600)
    expect(store.faults).toHaveLength(reported)
  }
})
