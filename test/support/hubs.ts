/** Hubs over a store, for tests of streams without sockets. */
import { onTestFinished } from 'vitest'
import type { Store } from '../../src/chat/store.ts'
import type { WaitOptions } from '../../src/chat/waiting.ts'
import { Hub, type HubOptions } from '../../src/streams/hub.ts'

/** A connection that speaks HTTP/1.1. */
export const CONNECTION = { base: 'http://localhost', isChunked: true }

/** A hub with generous limits, which closes with the test. It throws faults unless `onFault` is given. */
export function aHub(store: Store, options: Partial<HubOptions> = {}): Hub {
  const hub = new Hub({
    store,
    applyDueExpiries: async () => undefined,
    heartbeatMs: 60_000,
    maxBufferBytes: 1_000_000,
    onFault: (fault) => {
      throw fault
    },
    ...options
  })
  onTestFinished(() => hub.close())
  return hub
}

/** A wait for anything, for up to five minutes. */
export function aWait(isDone: WaitOptions['isDone']): WaitOptions {
  return { seconds: 300, gone: new AbortController().signal, wakes: () => true, isDone }
}

/** Lets everything happen that needs no timer. */
export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
}
