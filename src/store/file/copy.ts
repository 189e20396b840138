/**
 * Copies what a store holds at one instant into a new one, record by record. A copy of LMDB's pages would have more in it:
 * deleted records stay in pages that are free, and a compacting copy still has the chats whose records are being deleted, and
 * refuses a file that has lost track of a free page.
 */
import type { ChatTag } from '../../chat/ids.ts'
import type { Change } from './disk.ts'
import { lmdbDisk, lmdbSnapshot, type Snapshot } from './lmdb-disk.ts'
import * as records from './records.ts'

const BYTES_PER_WRITE = 2_097_152

/** The target must be an empty folder. */
export async function copyRecords(folder: string, target: string): Promise<void> {
  const source = lmdbSnapshot(folder)
  try {
    const copy = lmdbDisk(target)
    try {
      // It may use all the space that there is.
      for (const batch of batchesOf(source)) await copy.write(batch, { isWithdrawal: true })
    } finally {
      await copy.close()
    }
  } finally {
    await source.close()
  }
}

/** All records but those of removed chats, and of handovers, which could be taken once more from a copy. */
function* batchesOf(source: Snapshot): Generator<readonly Change[]> {
  const removed = removedChats(source)
  let batch: Change[] = []
  let bytes = 0
  for (const { key, value } of source.entries(...records.ALL)) {
    if (records.isHandover(key) || removed.has(records.tagIn(key))) continue
    batch.push({ key, value })
    bytes += key.length + value.length
    if (bytes < BYTES_PER_WRITE) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

/** The chats that were removed, and whose records have not all been deleted. */
export function removedChats(source: Snapshot): ReadonlySet<ChatTag> {
  return new Set(Array.from(source.entries(...records.rangeOf('r')), ({ key }) => records.tagIn(key)))
}
