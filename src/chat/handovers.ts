/** Handovers: a sealed text that another device takes once. The server cannot open it: the key is in the fragment of its URL. */
import { type HandoverId, newHandoverId } from './ids.ts'
import { Refused } from './refusals.ts'
import type { Store } from './store.ts'

const HANDOVER_LIFETIME_MS = 600_000

export function createHandovers(store: Pick<Store, 'handovers'>, now: () => number) {
  return {
    async create(sealed: string): Promise<{ id: HandoverId; expiresAt: number }> {
      const id = newHandoverId()
      const createdAt = now()
      const expiresAt = createdAt + HANDOVER_LIFETIME_MS
      const outcome = await store.handovers.put(id, { sealed, createdAt, expiresAt })
      if (outcome === 'store-full') throw new Refused({ refused: outcome })
      return { id, expiresAt }
    },

    /** Whether it was taken, has expired or never existed makes no difference, so that nobody learns which. */
    async take(id: HandoverId): Promise<string> {
      const sealed = await store.handovers.take(id, now())
      if (sealed === undefined) throw new Refused({ refused: 'handover-not-found' })
      return sealed
    }
  }
}
