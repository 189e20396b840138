/** Stores with faults in handovers. */
import type { HandoverId } from '../../../src/chat/ids.ts'
import type { Handover, HandoverStore, Store } from '../../../src/chat/store.ts'
import type { Breaking } from './breaking.ts'

const handovers =
  (breaking: (sound: HandoverStore, store: Store) => Partial<HandoverStore>): Breaking =>
  (store) => ({ handovers: { ...store.handovers, ...breaking(store.handovers, store) } })

/** The store remembers what was put. */
function remembering(take: (known: ReadonlyMap<HandoverId, Handover>, sound: HandoverStore) => HandoverStore['take']) {
  return handovers((sound) => {
    const known = new Map<HandoverId, Handover>()
    return {
      put: (id, handover) => {
        known.set(id, handover)
        return sound.put(id, handover)
      },
      take: take(known, sound)
    }
  })
}

export const BROKEN_HANDOVERS: Record<string, Breaking> = {
  'gives a handover as often as it is asked': remembering((known) => async (id) => known.get(id)?.sealed),
  'gives a handover to all who take it at the same moment': handovers((sound) => {
    const taking = new Map<HandoverId, Promise<string | undefined>>()
    return {
      take: (id, now) => {
        const took = taking.get(id) ?? sound.take(id, now).finally(() => taking.delete(id))
        taking.set(id, took)
        return took
      }
    }
  }),
  'gives a handover to nobody if several take it at the same moment': handovers((sound) => {
    const takers = new Map<HandoverId, number>()
    return {
      take: async (id, now) => {
        takers.set(id, (takers.get(id) ?? 0) + 1)
        await new Promise((resolve) => setImmediate(resolve))
        return takers.get(id) === 1 ? sound.take(id, now) : undefined
      }
    }
  }),
  'gives a handover once more a minute later': remembering((known, sound) => async (id, now) => {
    const text = await sound.take(id, now)
    return text ?? (now % 120_000 === 60_000 ? known.get(id)?.sealed : undefined)
  }),
  'gives expired handovers until they are removed': handovers((sound) => ({ take: (id) => sound.take(id, 0) })),
  'gives a handover a millisecond too long': handovers((sound) => ({ take: (id, now) => sound.take(id, now - 1) })),
  'gives a handover a millisecond too short': handovers((sound) => ({ take: (id, now) => sound.take(id, now + 1) })),
  'cuts long texts off': handovers((sound) => ({
    put: (id, handover) => sound.put(id, { ...handover, sealed: handover.sealed.slice(0, 4096) })
  })),
  'gives any handover to anybody': handovers((sound) => {
    let last: HandoverId | undefined
    return {
      put: (id, handover) => {
        last = id
        return sound.put(id, handover)
      },
      take: (id, now) => sound.take(last ?? id, now)
    }
  }),
  'removes handovers a millisecond too soon': handovers((sound) => ({
    removeExpired: (now) => sound.removeExpired(now + 1)
  })),
  'gives expired handovers that it was told to remove': remembering((known, sound) => async (id, now) => {
    const text = await sound.take(id, now)
    return text ?? (now > (known.get(id)?.expiresAt ?? now) ? known.get(id)?.sealed : undefined)
  }),
  'removes chats together with expired handovers': handovers((_sound, store) => ({
    removeExpired: async () => {
      for (const tag of await store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)) {
        await store.remove(tag)
      }
    }
  }))
}
