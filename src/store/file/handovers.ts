/** Handovers on the disk: a record each, and an index by the instant at which they expire. */
import type { HandoverId } from '../../chat/ids.ts'
import type { CommitOptions, HandoverStore } from '../../chat/store.ts'
import type { Change, Disk } from './disk.ts'
import { CrowdedOut, type GroupCommit } from './group-commit.ts'
import * as records from './records.ts'

/** Handovers that are removed in one write. */
const REMOVALS_PER_WRITE = 500
const NO_VALUE = Buffer.alloc(0)

/** `assertRoom` throws if new data is refused. */
export function fileHandovers(disk: Disk, commits: GroupCommit, assertRoom: () => void): HandoverStore {
  /** Those that somebody is taking, because a record can be read until its removal is on the disk. */
  const taken = new Set<HandoverId>()

  function write(changes: readonly Change[], options: CommitOptions): Promise<void> {
    return new Promise((resolve, reject) => commits.add(changes, options, resolve, reject))
  }

  async function remove(keys: readonly Buffer[]): Promise<void> {
    const changes = keys.map((key) => ({ key, value: undefined }))
    for (;;) {
      try {
        return await write(changes, { isWithdrawal: true })
      } catch (error) {
        // It can succeed without the new data that was written together with it.
        if (!(error instanceof CrowdedOut)) throw error
      }
    }
  }

  return {
    async put(id, handover) {
      assertRoom()
      const changes = [
        { key: records.handoverKey(id), value: records.encodeHandover(handover) },
        { key: records.handoverExpiryKey(id, handover.expiresAt), value: NO_VALUE }
      ]
      await write(changes, { isWithdrawal: false })
      return 'stored'
    },

    async take(id, now) {
      const key = records.handoverKey(id)
      const value = taken.has(id) ? undefined : disk.get(key)
      if (value === undefined) return undefined
      const { sealed, expiresAt } = records.decodeHandover(value)
      if (expiresAt <= now) return undefined
      taken.add(id)
      try {
        // If the text was sent before its removal is on the disk, a crash would give it twice.
        await remove([key, records.handoverExpiryKey(id, expiresAt)])
        return sealed
      } finally {
        taken.delete(id)
      }
    },

    async removeExpired(now) {
      const [start] = records.rangeOf('z')
      const end = records.handoverExpiryEnd(now + 1)
      for (;;) {
        const expired = [...disk.keysForwards(start, end, REMOVALS_PER_WRITE)]
        if (expired.length === 0) return
        await remove(expired.flatMap((key) => [key, records.handoverKeyIn(key)]))
      }
    }
  }
}
