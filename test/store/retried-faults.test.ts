/** Background work that keeps failing is reported once for each cause, and transient failures are not reported. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StoreUnavailable } from '../../src/chat/store.ts'
import { RetriedFaults } from '../../src/store/retried-faults.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function reports() {
  const reported: unknown[] = []
  return { reported, faults: new RetriedFaults({ onFault: (fault) => reported.push(fault) }) }
}

it('a kind of fault is reported once, however many tasks fail with it, until none of them fails any more', () => {
  const { reported, faults } = reports()
  for (let round = 0; round < 3; round++) {
    for (const task of ['a', 'b']) faults.failed(task, new TypeError(`x is not a function ${round} ${task}`))
  }
  expect(reported).toHaveLength(1)
  faults.ended('a')
  faults.failed('a', new TypeError('x is not a function'))
  expect(reported).toHaveLength(1)
  faults.ended('a')
  faults.ended('b')
  faults.failed('b', new TypeError('x is not a function'))
  expect(reported).toHaveLength(2)
})

it('each cause of one task is reported, distinguished by its name, its first word and its causes', () => {
  const { reported, faults } = reports()
  const all = [
    new TypeError('one'),
    new Error('WRONGTYPE one'),
    new Error('NOPERM one'),
    new Error('NOPERM one', { cause: new Error('WRONGTYPE') })
  ]
  for (const fault of [...all, all.at(-1)]) faults.failed('a', fault)
  expect(reported).toEqual(all)
})

it('a transient fault is reported only if it has lasted five seconds', () => {
  const { reported, faults } = reports()
  const fault = new StoreUnavailable('unreachable')
  faults.failed('a', fault)
  vi.advanceTimersByTime(4000)
  faults.failed('a', fault)
  faults.ended('a')
  vi.advanceTimersByTime(4000)
  faults.failed('a', fault)
  expect(reported).toEqual([])
  vi.advanceTimersByTime(5000)
  faults.failed('a', fault)
  faults.failed('a', fault)
  expect(reported).toEqual([fault])
})
