/** The seam broken on purpose, between the store and the hub: a soak that finds nothing then is worth nothing. */
import type { LoggedEvent } from '../../dist/chat/events.js'
import type { Listener, Store } from '../../dist/store/store.js'
import type { Random } from './random.ts'

const PROBABILITY = 0.02

/** Watchers that are not told what they should be told. That a chat is gone is not held back. */
const BREAKING = {
  lose: (listener: Listener, random: Random, calm: AbortSignal) => (told) => {
    // Not what comes last: the soak would wait for readers to come level until its time is up.
    if (told === 'gone' || calm.aborted || !random.chance(PROBABILITY)) listener(told)
  },
  double: (listener: Listener, random: Random) => (told) => {
    listener(told)
    if (told !== 'gone' && random.chance(PROBABILITY)) listener(told)
  },
  swap: (listener: Listener, random: Random) => {
    let held: readonly LoggedEvent[] | undefined
    return (told) => {
      if (typeof told !== 'string' && held === undefined && random.chance(PROBABILITY)) {
        held = told
        return
      }
      listener(told)
      if (held !== undefined) listener(held)
      held = undefined
    }
  },
  untold: (listener: Listener) => (told) => {
    const rest =
      typeof told === 'string' ? told : told.filter(({ type }) => type === 'message' || type === 'join_request')
    if (rest.length > 0) listener(rest)
  }
} satisfies Record<string, (listener: Listener, random: Random, calm: AbortSignal) => Listener>

/** Besides, a disk that says it has written before it has: `hasty-disk.ts`. */
export type Fault = keyof typeof BREAKING | 'hasty'

export function isFault(name: string): name is Fault {
  return name === 'hasty' || Object.hasOwn(BREAKING, name)
}

/** A store that does not tell its watchers what it should. What it keeps is sound. */
export function withFault(store: Store, fault: Fault | undefined, random: Random, calm: AbortSignal): Store {
  if (fault === undefined || fault === 'hasty') return store
  return { ...store, watch: (tag, listener) => store.watch(tag, BREAKING[fault](listener, random, calm)) }
}
