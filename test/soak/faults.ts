/** What goes from the store to the hub, broken on purpose: the soak must find that. */
import type { LoggedEvent } from '../../dist/chat/events.js'
import type { Listener, Store } from '../../dist/chat/store.js'
import type { Random } from '../kit/random.ts'

const PROBABILITY = 0.02

/** Watchers that are notified wrongly. That a chat is gone is always passed on. */
const BREAKING = {
  lose: (listener: Listener, random: Random, calm: AbortSignal) => (notification) => {
    // Not the last events: the soak would wait for its readers until its time is up.
    if (notification === 'gone' || calm.aborted || !random.chance(PROBABILITY)) listener(notification)
  },
  double: (listener: Listener, random: Random) => (notification) => {
    listener(notification)
    if (notification !== 'gone' && random.chance(PROBABILITY)) listener(notification)
  },
  swap: (listener: Listener, random: Random) => {
    let held: readonly LoggedEvent[] | undefined
    return (notification) => {
      if (typeof notification !== 'string' && held === undefined && random.chance(PROBABILITY)) {
        held = notification
        return
      }
      listener(notification)
      if (held !== undefined) listener(held)
      held = undefined
    }
  },
  untold: (listener: Listener) => (notification) => {
    const rest =
      typeof notification === 'string'
        ? notification
        : notification.filter(({ type }) => type === 'message' || type === 'join_request')
    if (rest.length > 0) listener(rest)
  }
} satisfies Record<string, (listener: Listener, random: Random, calm: AbortSignal) => Listener>

/** Besides, a disk that says it has written before it has: `hasty-disk.ts`. */
export type Fault = keyof typeof BREAKING | 'hasty'

export function isFault(name: string): name is Fault {
  return name === 'hasty' || Object.hasOwn(BREAKING, name)
}

/** A store that notifies its watchers wrongly. What it keeps is sound. */
export function withFault(store: Store, fault: Fault | undefined, random: Random, calm: AbortSignal): Store {
  if (fault === undefined || fault === 'hasty') return store
  return { ...store, watch: (tag, listener) => store.watch(tag, BREAKING[fault](listener, random, calm)) }
}
