import { describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { FairQueue } from '../../../src/store/redis/fair-queue.ts'
import { eventually } from '../../support/eventually.ts'
import { turns } from '../../support/hubs.ts'

/** A queue, what it has started, and what ends the first task of a name. */
function aQueue({ most = 2, maxWaitMs = 60_000 } = {}) {
  const queue = new FairQueue({ most, maxWaitMs })
  const started: string[] = []
  const ends = new Map<string, () => void>()
  const add = (tag: string, name: string, fails = false) =>
    queue.run(tag, () => {
      started.push(name)
      return new Promise<string>((resolve, reject) => {
        ends.set(name, () => (fails ? reject(new TypeError(name)) : resolve(name)))
      })
    })
  const end = async (name: string) => {
    ends.get(name)?.()
    await turns(1)
  }
  return { started, add, end }
}

describe('a fair queue', () => {
  it('runs so many tasks at a time, and takes those that wait by chat in turn', async () => {
    const { started, add, end } = aQueue()
    const all = [add('a', 'a1'), add('a', 'a2'), add('a', 'a3'), add('a', 'a4'), add('b', 'b1'), add('b', 'b2')]
    expect(started).toEqual(['a1', 'a2'])
    for (const name of ['a2', 'a1', 'a3', 'b1']) await end(name)
    expect(started).toEqual(['a1', 'a2', 'a3', 'b1', 'a4', 'b2'])
    for (const name of ['a4', 'b2']) await end(name)
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2'])
    void add('c', 'c1')
    void add('c', 'c2')
    void add('c', 'c3')
    expect(started.slice(6)).toEqual(['c1', 'c2'])
  })

  it('goes on after a task that fails', async () => {
    const { started, add, end } = aQueue({ most: 1 })
    const failing = expect(add('a', 'a1', true)).rejects.toThrow('a1')
    void add('a', 'a2')
    await end('a1')
    await failing
    expect(started).toEqual(['a1', 'a2'])
  })

  it('refuses a task that has waited for too long, and never starts it', async () => {
    const { started, add, end } = aQueue({ most: 1, maxWaitMs: 20 })
    void add('a', 'a1')
    const late: unknown[] = []
    for (const name of ['a2', 'a3']) add('a', name).catch((error: unknown) => late.push(error))
    await eventually(() => late.length === 2, 'both have waited for too long')
    expect(late.every((error) => error instanceof StoreUnavailable)).toBe(true)
    await end('a1')
    void add('b', 'b1')
    expect(started).toEqual(['a1', 'b1'])
  })
})
