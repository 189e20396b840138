/** Faults injected between the store and the hub, which the soak must find. */
import type { LoggedEvent } from '../../dist/chat/events.js'
import type { Listener, Store } from '../../dist/chat/store.js'
import type { Random } from '../kit/random.ts'

const PROBABILITY = 0.02

/** Wrap a listener with a fault. The notification that a chat is gone is always passed on. */
const FAULTS = {
  lose: (listener: Listener, random: Random, calm: AbortSignal) => (notification) => {
    // After the calm nothing is lost: the soak would wait for its readers until its deadline.
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

/** `hasty` is a disk that acknowledges too early: `hasty-disk.ts`. */
export type Fault = keyof typeof FAULTS | 'hasty'

export function isFault(name: string): name is Fault {
  return name === 'hasty' || Object.hasOwn(FAULTS, name)
}

/** A store with a fault in its notifications. Its data is correct. */
export function withFault(store: Store, fault: Fault | undefined, random: Random, calm: AbortSignal): Store {
  if (fault === undefined || fault === 'hasty') return store
  return { ...store, watch: (tag, listener) => store.watch(tag, FAULTS[fault](listener, random, calm)) }
}
