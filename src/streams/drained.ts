import type { Writable } from 'node:stream'

/** Resolves once a writable takes more without buffering it, or is closed: at once if that is so already. */
export function drained(writable: Writable): Promise<void> {
  if (!writable.writableNeedDrain || writable.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      writable.off('drain', done)
      writable.off('close', done)
      resolve()
    }
    writable.on('drain', done)
    writable.on('close', done)
  })
}

/** Readers of pages that go on in one turn of the event loop. */
const READERS_A_TURN = 8
const waiting: (() => void)[] = []

/**
 * The same, but not before other work has had its turn: the operating system takes megabytes at once for a reader, and a
 * hundred readers whose pages are at hand would hold up everybody else.
 */
export async function roomForMore(writable: Writable): Promise<void> {
  await drained(writable)
  await new Promise<void>((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(takeTurn)
  })
}

function takeTurn(): void {
  for (const goOn of waiting.splice(0, READERS_A_TURN)) goOn()
  if (waiting.length > 0) setImmediate(takeTurn)
}
