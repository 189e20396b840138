/**
 * LMDB as a disk. With `overlappingSync` off a transaction is written, synced, and only then made visible by a meta page
 * that is itself written synchronously; its promise resolves after that (seen with strace, and asked of the library's
 * source). All of it happens in libuv's threads: the event loop goes on.
 */
import { statfsSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { type Change, type Disk, DiskFault, type Entry } from './disk.ts'
import { DiskReserve } from './disk-reserve.ts'

/** A write that takes longer will never end: LMDB hangs on what follows a meta page that it could not write. */
const WRITE_DEADLINE_MS = 60_000
/** A file system with less is full, whatever it says of a write that fails. */
const NO_ROOM_BYTES = 65_536
const PROBE = Buffer.from('probe')

export function lmdbDisk(folder: string): Disk {
  const db: RootDatabase<Buffer, Buffer> = open(lmdbOptions(folder))
  const reserve = new DiskReserve(folder)

  /** After a meta page could not be written every read fails, and every write hangs. */
  function isBroken(): boolean {
    try {
      db.get(PROBE)
      return false
    } catch {
      // Whatever it says: the library's errors of a broken file are many, and one key can always be asked for.
      return true
    }
  }

  async function batch(changes: readonly Change[]): Promise<void> {
    reserve.ensure(changes)
    const committed = db.batch(() => {
      for (const { key, value } of changes) {
        if (value === undefined) db.remove(key)
        else db.put(key, value)
      }
    })
    setImmediate(ignoreSecondHand, db)
    await committed
  }

  async function faultOf(error: unknown): Promise<DiskFault> {
    const cause = await causeOf(error)
    if (isBroken()) return new DiskFault('broken', { cause })
    return new DiskFault(NO_ROOM.has(codeOf(cause)) || hasNoRoom(folder) ? 'full' : 'failed', { cause })
  }

  return {
    get: (key) => db.get(key),

    *range(start, end, limit) {
      const entries: Iterable<Entry> = db.getRange({ start, end, ...(limit !== undefined && { limit }) })
      yield* entries
    },

    async write(changes) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new DiskFault('broken')), WRITE_DEADLINE_MS)
      })
      try {
        await Promise.race([batch([...changes]), late])
      } catch (error) {
        throw error instanceof DiskFault ? error : await faultOf(error)
      } finally {
        clearTimeout(timer)
      }
    },

    async close() {
      reserve.close()
      if (!isBroken()) await db.close()
    }
  }
}

/** A consistent copy as of now, while another process may be writing. The target must be an empty folder. */
export async function copyLmdb(folder: string, target: string): Promise<void> {
  const db = open({ ...lmdbOptions(folder), readOnly: true })
  try {
    await db.backup(target, false)
  } finally {
    await db.close()
  }
}

function lmdbOptions(path: string) {
  // Also a path with a dot in it is a folder.
  return { path, noSubdir: false, encoding: 'binary', keyEncoding: 'binary', overlappingSync: false } as const
}

/** ENOSPC, EDQUOT and MDB_MAP_FULL. */
const NO_ROOM: ReadonlySet<unknown> = new Set([28, 122, -30_792])

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

/** Part of a page that fits is an input/output error to LMDB. */
function hasNoRoom(folder: string): boolean {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize < NO_ROOM_BYTES
}

/** The library says what went wrong in a promise that rejects. */
async function causeOf(error: unknown): Promise<unknown> {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return error
  return await Promise.resolve(error.commitError).catch((cause: unknown) => cause)
}

/** A failed commit also rejects promises that nobody was given; unhandled they would end the process. */
function ignoreSecondHand(db: RootDatabase<Buffer, Buffer>): void {
  db.committed.then(undefined, (error: unknown) => void causeOf(error))
}
