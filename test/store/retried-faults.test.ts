/** Work in the background that fails again and again is reported once for each reason, and not at all if it passes. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StoreUnavailable } from '../../src/chat/store.ts'
import { RetriedFaults } from '../../src/store/retried-faults.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function reports() {
  const told: unknown[] = []
  return { told, faults: new RetriedFaults({ onFault: (fault) => told.push(fault) }) }
}

it('one kind of fault is reported once, however many works fail by it, until none does any more', () => {
  const { told, faults } = reports()
  for (let round = 0; round < 3; round++) {
    for (const work of ['a', 'b']) faults.failed(work, new TypeError(`x is not a function ${round} ${work}`))
  }
  expect(told).toHaveLength(1)
  faults.ended('a')
  faults.failed('a', new TypeError('x is not a function'))
  expect(told).toHaveLength(1)
  faults.ended('a')
  faults.ended('b')
  faults.failed('b', new TypeError('x is not a function'))
  expect(told).toHaveLength(2)
})

it('each reason of one work is reported, by its name, its first word and its causes', () => {
  const { told, faults } = reports()
  const all = [
    new TypeError('one'),
    new Error('WRONGTYPE one'),
    new Error('NOPERM one'),
    new Error('NOPERM one', { cause: new Error('WRONGTYPE') })
  ]
  for (const fault of [...all, all.at(-1)]) faults.failed('a', fault)
  expect(told).toEqual(all)
})

it('what may pass by itself is reported once it has lasted five seconds, and not if it has passed', () => {
  const { told, faults } = reports()
  const fault = new StoreUnavailable('unreachable')
  faults.failed('a', fault)
  vi.advanceTimersByTime(4000)
  faults.failed('a', fault)
  faults.ended('a')
  vi.advanceTimersByTime(4000)
  faults.failed('a', fault)
  expect(told).toEqual([])
  vi.advanceTimersByTime(5000)
  faults.failed('a', fault)
  faults.failed('a', fault)
  expect(told).toEqual([fault])
})
