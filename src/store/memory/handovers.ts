/** Handovers in memory. */
import type { HandoverId } from '../../chat/ids.ts'
import type { Handover, HandoverStore } from '../../chat/store.ts'

/** Memory of a handover besides its text: measured and rounded up. */
const BYTES_PER_HANDOVER = 512

/** The memory that all parts of the store share. */
export interface Room {
  /** Returns false if so many bytes are not left. */
  take(bytes: number): boolean
  free(bytes: number): void
}

export function memoryHandovers(room: Room): HandoverStore {
  const handovers = new Map<HandoverId, Handover>()

  function remove(id: HandoverId, handover: Handover): void {
    handovers.delete(id)
    room.free(sizeOf(handover))
  }

  return {
    async put(id, handover) {
      if (!room.take(sizeOf(handover))) return 'store-full'
      handovers.set(id, handover)
      return 'stored'
    },

    async take(id, now) {
      const handover = handovers.get(id)
      if (handover === undefined) return undefined
      remove(id, handover)
      return now < handover.expiresAt ? handover.sealed : undefined
    },

    async removeExpired(now) {
      for (const [id, handover] of handovers) if (handover.expiresAt <= now) remove(id, handover)
    }
  }
}

function sizeOf({ sealed }: Handover): number {
  return sealed.length + BYTES_PER_HANDOVER
}
