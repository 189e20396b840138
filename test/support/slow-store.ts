/** A store whose calls take several turns of the event loop, like those of a store on another machine. */
import type { Store } from '../../src/chat/store.ts'
import { turns } from './disks.ts'

/** `turnsOfAnswer` returns how many turns the next call takes, before and after the store acts. */
export function slowStore(store: Store, turnsOfAnswer: () => number): Store {
  async function slowly<Result>(work: () => Promise<Result>): Promise<Result> {
    await turns(turnsOfAnswer())
    const result = await work()
    await turns(turnsOfAnswer())
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
    newestMessages: (...call) => slowly(() => store.newestMessages(...call)),
    remove: (...call) => slowly(() => store.remove(...call)),
    idleChats: (...call) => slowly(() => store.idleChats(...call)),
    handovers: {
      put: (...call) => slowly(() => store.handovers.put(...call)),
      take: (...call) => slowly(() => store.handovers.take(...call)),
      removeExpired: (...call) => slowly(() => store.handovers.removeExpired(...call))
    },
    watch: (...call) => slowly(() => store.watch(...call)),
    ping: () => slowly(() => store.ping()),
    close: () => store.close()
  }
}
