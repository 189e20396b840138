/**
 * Reserves disk space before LMDB writes to it. When LMDB runs out of space during a write, it overruns a buffer (mdb.c,
 * `mdb_page_flush`: up to 126 characters into 100 bytes), which can crash the process. So the data file is kept longer
 * than its used part, padded with zeros.
 *
 * Part of that is for withdrawals alone. New data is refused while there is little space, so that rights can still be taken
 * away and chats closed when other programs have filled the disk. (File systems that never overwrite in place, like Btrfs
 * and ZFS, can be full nevertheless.)
 */
import { closeSync, fstatSync, openSync, statfsSync, write } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { CommitOptions } from '../../chat/store.ts'
import { type Change, DiskFault } from './disk.ts'
import { DATA_FILE, type PageCounts, usedPages } from './folder.ts'

/** New data is refused while less is left, on the file system and inside the data file together. */
export const MIN_LEFT_BYTES = 16_777_216
/** How much is reserved inside the data file at most, and at least once anything is stored. */
const MAX_RESERVE_BYTES = MIN_LEFT_BYTES
const MIN_RESERVE_BYTES = 4_194_304
/** Branch pages on the path to a change. */
const BRANCHES_PER_CHANGE = 3
const SPARE_PAGES = 32
/** What an entry takes in a leaf besides its key and value. */
const NODE_BYTES = 16
/** Written at once, and the event loop continues with other work in between. */
const ZEROS = Buffer.alloc(1_048_576)
/** How long an answer of `fullness` is used again if nothing is written. */
const FRESH_MS = 250

const writeAsync = promisify(write)

export class DiskReserve {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #descriptor: number
  #size: number
  #fullness: { readonly is: 'disk' | 'limit' | undefined; readonly until: number } | undefined

  /** `maxBytes`: limit for the pages that hold something. */
  constructor(folder: string, maxBytes = Number.POSITIVE_INFINITY) {
    this.#folder = folder
    this.#maxBytes = maxBytes
    this.#descriptor = openSync(join(folder, DATA_FILE), 'r+')
    this.#size = fstatSync(this.#descriptor).size
  }

  /** Why new data is refused, or undefined. */
  fullness(): 'disk' | 'limit' | undefined {
    const now = performance.now()
    if (this.#fullness === undefined || this.#fullness.until < now) {
      this.#fullness = { is: this.#whyFull(), until: now + FRESH_MS }
    }
    return this.#fullness.is
  }

  /**
   * Call it only while no write is in progress.
   * @throws DiskFault `full`
   */
  async ensure(changes: readonly Change[], { isWithdrawal }: CommitOptions): Promise<void> {
    const counts = usedPages(this.#descriptor)
    const needed = (counts.pages + pagesFor(changes, counts)) * counts.pageSize
    const reserve = reserveFor(counts)
    if (this.#size >= needed + reserve / 2) return
    // LMDB may have grown the file itself; zeros must go after its end and nowhere else.
    this.#size = fstatSync(this.#descriptor).size
    try {
      while (this.#size < needed + reserve) await this.#grow()
    } catch (cause) {
      if (this.#size < needed + (isWithdrawal ? 0 : reserve / 2)) throw new DiskFault('full', { cause })
    }
  }

  /** Call it after each write. */
  written(): void {
    this.#fullness = undefined
  }

  /** Whether the path of the data file still leads to it. */
  async isInPlace(): Promise<boolean> {
    const { dev, ino } = fstatSync(this.#descriptor, { bigint: true })
    const found = await stat(join(this.#folder, DATA_FILE), { bigint: true }).catch(() => undefined) // it is not there
    return found?.dev === dev && found.ino === ino
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #whyFull(): 'disk' | 'limit' | undefined {
    const counts = usedPages(this.#descriptor)
    const live = counts.live * counts.pageSize
    if (live >= this.#maxBytes) return 'limit'
    const atEnd = this.#size - counts.pages * counts.pageSize
    const missing = Math.max(MIN_LEFT_BYTES - (this.#size - live), reserveFor(counts) / 2 - atEnd)
    return missing > 0 && freeBytes(this.#folder) < missing ? 'disk' : undefined
  }

  async #grow(): Promise<void> {
    const { bytesWritten } = await writeAsync(this.#descriptor, ZEROS, 0, ZEROS.length, this.#size)
    this.#size += bytesWritten
  }
}

/** What the file system has left for this user. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    // The folder was removed. What is written into its file is lost.
    return 0
  }
}

/** A withdrawal rewrites at most a part of what is stored, so a small store needs a small reserve. */
function reserveFor({ live, pageSize }: PageCounts): number {
  return Math.min(MAX_RESERVE_BYTES, Math.max(MIN_RESERVE_BYTES, 2 * live * pageSize))
}

/** An upper bound for the pages that these changes write, with a new list of free pages. */
export function pagesFor(changes: readonly Change[], { pages, live, leaves, branches, pageSize }: PageCounts): number {
  let valuePages = 0
  let leafBytes = 0
  let removals = 0
  for (const { key, value } of changes) {
    if (value === undefined) {
      removals++
      continue
    }
    const { length } = value
    const isLarge = length > pageSize / 4
    // A large value has pages of its own, or is in a leaf as well.
    if (isLarge) valuePages += Math.ceil(length / pageSize) + 1
    leafBytes += key.length + NODE_BYTES + (isLarge ? 0 : length)
  }
  const puts = changes.length - removals
  // A leaf from which something is removed can be merged with its neighbour.
  const touched = Math.min(puts + 2 * removals, leaves)
  // A leaf to which something is added can split, and new ones can be nearly empty.
  const split = Math.min(puts, touched + Math.ceil(leafBytes / (pageSize / 4)))
  const parents = 2 * Math.min(changes.length * BRANCHES_PER_CHANGE, branches) + Math.ceil(split / 8)
  const written = touched + split + parents + valuePages
  const freeList = Math.ceil(((pages - live + written) * 8) / pageSize) * 2
  return written + freeList + SPARE_PAGES
}
