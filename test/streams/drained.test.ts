import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { drained, roomForMore } from '../../src/streams/drained.ts'

/** A writable that is full, and what takes the bytes that it holds. */
function aFullWritable() {
  let take = () => {}
  const writable = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      take = done
    }
  })
  writable.write('more than one byte')
  return { writable, take: () => take() }
}

async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false
  void promise.then(() => {
    done = true
  })
  await nextTurn()
  return done
}

describe('waiting for room in a writable', () => {
  it('takes until its bytes are taken', async () => {
    const { writable, take } = aFullWritable()
    const room = drained(writable)
    expect(await isDone(room)).toBe(false)
    take()
    expect(await isDone(room)).toBe(true)
    expect(await isDone(drained(writable))).toBe(true)
  })

  it('lets other work have its turn, however many wait', async () => {
    const { writable, take } = aFullWritable()
    take()
    await drained(writable)
    const turns: number[] = []
    let turn = 0
    const all = Array.from({ length: 100 }, () => roomForMore(writable).then(() => turns.push(turn)))
    let isOver = false
    const counting = (async () => {
      for (; !isOver; turn++) await nextTurn()
    })()
    await Promise.all(all)
    isOver = true
    await counting
    expect(new Set(turns).size).toBeGreaterThan(10)
  })

  it('ends with the writable, and leaves no listener', async () => {
    const { writable } = aFullWritable()
    const room = drained(writable)
    writable.destroy()
    expect(await isDone(room)).toBe(true)
    expect(await isDone(drained(writable))).toBe(true)
    expect([writable.listenerCount('drain'), writable.listenerCount('close')]).toEqual([0, 0])
  })
})
