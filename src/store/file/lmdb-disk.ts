/**
 * The `Disk` on LMDB. With `overlappingSync: false` a transaction is written and synced, and then a synchronously written
 * meta page makes it visible; only after that its promise resolves (test/store/long/strace.test.ts). All writes happen in
 * libuv's thread pool, so they do not block the event loop.
 */
import { statfsSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import type { CommitOptions } from '../../chat/store.ts'
import { type Change, type Disk, DiskFault, type Entry } from './disk.ts'
import { DiskReserve } from './disk-reserve.ts'
import { FILE_MODE } from './folder.ts'

/** A write that takes longer never ends: LMDB hangs on every write after a meta page that it could not write. */
const WRITE_DEADLINE_MS = 60_000
/** With less free space a failed write counts as `full`, whatever its error code. */
const MIN_FREE_BYTES = 65_536
const PROBE = Buffer.from('probe')

const NEW_DATA: CommitOptions = { isWithdrawal: false }

/** `maxBytes`: see `DiskReserve`. */
export function lmdbDisk(folder: string, maxBytes?: number): Disk {
  const db: RootDatabase<Buffer, Buffer> = open(lmdbOptions(folder))
  const reserve = new DiskReserve(folder, maxBytes)

  /** After LMDB could not write a meta page, every read fails and every write hangs. */
  function isBroken(): boolean {
    try {
      db.get(PROBE)
      return false
    } catch {
      // Any error: the library has many for a broken file, and on a sound one this read never fails.
      return true
    }
  }

  async function batch(changes: readonly Change[]): Promise<void> {
    const committed = db.batch(() => {
      for (const { key, value } of changes) {
        if (value === undefined) db.remove(key)
        else db.put(key, value)
      }
    })
    setImmediate(ignoreCommitted, db)
    await committed
  }

  async function faultOf(error: unknown): Promise<DiskFault> {
    const cause = await causeOf(error)
    if (isBroken()) return new DiskFault('broken', { cause })
    return new DiskFault(FULL_CODES.has(codeOf(cause)) || isNearlyFull(folder) ? 'full' : 'failed', { cause })
  }

  return {
    get: (key) => db.get(key),

    *range(start, end, limit) {
      const entries: Iterable<Entry> = db.getRange({ start, end, ...(limit !== undefined && { limit }) })
      yield* entries
    },

    keysForwards: (start, end, limit) => db.getKeys({ start, end, ...(limit !== undefined && { limit }) }),

    *keysBackwards(start, end, limit) {
      // The library begins at `start` and leaves `end` out also when it goes backwards.
      const keys = db.getKeys({ start: end, end: start, reverse: true, limit: limit + 1 })
      let found = 0
      for (const key of keys) {
        if (key.equals(end)) continue
        if (found++ === limit) return
        yield key
      }
      if (found < limit && db.doesExist(start)) yield start
    },

    async write(changes, options = NEW_DATA) {
      const all = [...changes]
      let timer: NodeJS.Timeout | undefined
      try {
        await reserve.ensure(all, options)
        const deadline = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new DiskFault('broken')), WRITE_DEADLINE_MS)
        })
        await Promise.race([batch(all), deadline])
      } catch (error) {
        throw error instanceof DiskFault ? error : await faultOf(error)
      } finally {
        clearTimeout(timer)
        reserve.written()
      }
    },

    fullness: () => reserve.fullness(),

    isInPlace: () => reserve.isInPlace(),

    async close() {
      reserve.close()
      if (!isBroken()) await db.close()
    }
  }
}

/** What a folder held at one instant, also while another process writes to it. */
export interface Snapshot {
  /** Ordered by the bytes of their keys, from `start` (inclusive) to `end` (exclusive). */
  entries(start: Buffer, end: Buffer): Iterable<Entry>
  close(): Promise<void>
}

/** Reads a folder without changing it. */
export function lmdbSnapshot(folder: string): Snapshot {
  const db: RootDatabase<Buffer, Buffer> = open({ ...lmdbOptions(folder), readOnly: true })
  const transaction = db.useReadTransaction()
  return {
    entries: (start, end) => db.getRange({ start, end, transaction }),
    async close() {
      transaction.done()
      await db.close()
    }
  }
}

function lmdbOptions(path: string) {
  // `noSubdir: false`: by default LMDB treats a path that contains a dot as a file.
  return {
    path,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    // Missing in the library's types; otherwise its files can be read by everybody.
    permissionsMode: FILE_MODE
  } as const
}

/** ENOSPC, EDQUOT and MDB_MAP_FULL. */
const FULL_CODES: ReadonlySet<unknown> = new Set([28, 122, -30_792])

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

/** When only a part of a page fits, LMDB reports an input/output error instead of ENOSPC. */
function isNearlyFull(folder: string): boolean {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize < MIN_FREE_BYTES
}

/** The library puts the cause into `commitError`, a promise that rejects with it. */
async function causeOf(error: unknown): Promise<unknown> {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return error
  return await Promise.resolve(error.commitError).catch((cause: unknown) => cause)
}

/** A failed commit also rejects `db.committed`, which would end the process as an unhandled rejection. */
function ignoreCommitted(db: RootDatabase<Buffer, Buffer>): void {
  db.committed.then(undefined, (error: unknown) => void causeOf(error))
}
