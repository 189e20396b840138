/** The seam broken on purpose, between the store and the hub: a soak that finds nothing then is worth nothing. */
import type { LoggedEvent } from '../../src/chat/events.ts'
import type { Listener, Store } from '../../src/store/store.ts'
import type { Random } from './random.ts'

const PROBABILITY = 0.02

/** Watchers that are not told what they should be told. */
const BREAKING = {
  lose: (listener: Listener, random: Random, calm: AbortSignal) => (events) => {
    // Not what comes last: the soak would wait for readers to come level until its time is up.
    if (calm.aborted || !random.chance(PROBABILITY)) listener(events)
  },
  double: (listener: Listener, random: Random) => (events) => {
    listener(events)
    if (random.chance(PROBABILITY)) listener(events)
  },
  swap: (listener: Listener, random: Random) => {
    let held: readonly LoggedEvent[] | undefined
    return (events) => {
      if (held === undefined && random.chance(PROBABILITY)) {
        held = events
        return
      }
      listener(events)
      if (held !== undefined) listener(held)
      held = undefined
    }
  },
  untold: (listener: Listener) => (events) => {
    const told = events.filter(({ type }) => type !== 'join_approved' && type !== 'join_closed')
    if (told.length > 0) listener(told)
  }
} satisfies Record<string, (listener: Listener, random: Random, calm: AbortSignal) => Listener>

export type Fault = keyof typeof BREAKING

export function isFault(name: string): name is Fault {
  return Object.hasOwn(BREAKING, name)
}

/** A store that does not tell its watchers what it should. What it keeps is sound. */
export function withFault(store: Store, fault: Fault | undefined, random: Random, calm: AbortSignal): Store {
  if (fault === undefined) return store
  return { ...store, watch: (tag, listener) => store.watch(tag, BREAKING[fault](listener, random, calm)) }
}
