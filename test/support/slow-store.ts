/** A store whose calls take several turns of the event loop, like those of a store on another machine. */
import type { Store } from '../../src/chat/store.ts'

/** `turns` returns how many turns the next call takes, before and after the store acts. */
export function slowStore(store: Store, turns: () => number): Store {
  async function pause(): Promise<void> {
    for (let rest = turns(); rest > 0; rest--) await new Promise((resolve) => setImmediate(resolve))
  }
  async function slowly<Result>(work: () => Promise<Result>): Promise<Result> {
    await pause()
    const result = await work()
    await pause()
    return result
  }
  return {
    create: (...call) => slowly(() => store.create(...call)),
    cached: (tag) => store.cached(tag),
    load: (...call) => slowly(() => store.load(...call)),
    commit: (...call) => slowly(() => store.commit(...call)),
    append: (...call) => slowly(() => store.append(...call)),
    events: (...call) => slowly(() => store.events(...call)),
    messages: (...call) => slowly(() => store.messages(...call)),
    remove: (...call) => slowly(() => store.remove(...call)),
    idleChats: (...call) => slowly(() => store.idleChats(...call)),
    watch: (...call) => slowly(() => store.watch(...call)),
    ping: () => slowly(() => store.ping()),
    close: () => store.close()
  }
}
