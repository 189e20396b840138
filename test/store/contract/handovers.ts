/** Texts that are taken once. */
import { expect } from 'vitest'
import { newHandoverId } from '../../../src/chat/ids.ts'
import type { Handover, Store } from '../../../src/chat/store.ts'
import { aChat, append, type Check, loaded, NOON, texts } from './support.ts'

const MINUTE = 60_000

async function aHandover(store: Store, { sealed = 'sealed', ...times }: Partial<Handover> = {}) {
  const id = newHandoverId()
  const handover = { sealed, createdAt: NOON, expiresAt: NOON + 10 * MINUTE, ...times }
  expect(await store.handovers.put(id, handover)).toBe('stored')
  return id
}

export const HANDOVERS: readonly Check[] = [
  {
    promise: 'a handover is taken once, exactly as it was put, and others are not affected',
    run: async (make) => {
      const store = await make()
      const long = '-_0azAZ9'.repeat(2048)
      const [one, other] = [await aHandover(store, { sealed: long }), await aHandover(store, { sealed: 'x' })]
      expect(await store.handovers.take(newHandoverId(), NOON)).toBeUndefined()
      expect(await store.handovers.take(one, NOON)).toBe(long)
      expect(await store.handovers.take(one, NOON)).toBeUndefined()
      expect(await store.handovers.take(one, NOON + MINUTE)).toBeUndefined()
      expect(await store.handovers.take(other, NOON + MINUTE)).toBe('x')
    }
  },
  {
    promise: 'of several simultaneous takes of a handover, exactly one gets it',
    run: async (make) => {
      const store = await make()
      for (let round = 0; round < 5; round++) {
        const id = await aHandover(store)
        const taken = await Promise.all(Array.from({ length: 8 }, () => store.handovers.take(id, NOON)))
        expect(taken.filter((text) => text !== undefined)).toEqual(['sealed'])
      }
    }
  },
  {
    promise: 'a handover that has expired is not given, whether or not it has been removed',
    run: async (make) => {
      const store = await make()
      const [early, late, removed] = [await aHandover(store), await aHandover(store), await aHandover(store)]
      expect(await store.handovers.take(early, NOON + 10 * MINUTE - 1)).toBe('sealed')
      expect(await store.handovers.take(late, NOON + 10 * MINUTE)).toBeUndefined()
      await store.handovers.removeExpired(NOON + 10 * MINUTE)
      expect(await store.handovers.take(removed, NOON + 20 * MINUTE)).toBeUndefined()
    }
  },
  {
    promise: 'removing expired handovers keeps those that have not expired, and all chats',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'hello')
      const before = await loaded(store, tag)
      const ids = [await aHandover(store), await aHandover(store, { expiresAt: NOON + 10 * MINUTE + 1 })]
      await store.handovers.removeExpired(NOON + 10 * MINUTE - 1)
      expect(await store.handovers.take(ids[0] ?? newHandoverId(), NOON)).toBe('sealed')
      await store.handovers.removeExpired(NOON + 10 * MINUTE)
      expect(await store.handovers.take(ids[1] ?? newHandoverId(), NOON)).toBe('sealed')
      expect(await loaded(store, tag)).toEqual(before)
      expect(await texts(store, tag)).toEqual(['hello'])
    }
  }
]
