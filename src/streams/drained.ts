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
