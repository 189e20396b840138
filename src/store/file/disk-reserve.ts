/**
 * Reserves disk space before LMDB writes to it. When LMDB runs out of space during a write, it overruns a buffer (mdb.c,
 * `mdb_page_flush`: up to 126 characters into 100 bytes), which can crash the process. So the data file is kept longer
 * than its used part, padded with zeros.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Change, DiskFault } from './disk.ts'
import { DATA_FILE, usedPages } from './folder.ts'

/** Pages that one change can rewrite: the path to it in the tree, twice because pages can split. */
const PAGES_PER_CHANGE = 8
const SPARE_PAGES = 32
/** Extra space that is reserved with each growth, as a share of the used space, because growing often is slow. */
const HEADROOM = 1 / 16
const MAX_HEADROOM_BYTES = 4_194_304
const ZEROS = Buffer.alloc(65_536)

export class DiskReserve {
  readonly #descriptor: number
  #size: number

  constructor(folder: string) {
    this.#descriptor = openSync(join(folder, DATA_FILE), 'r+')
    this.#size = fstatSync(this.#descriptor).size
  }

  /**
   * Call it only while no write is in progress.
   * @throws DiskFault `full`
   */
  ensure(changes: readonly Change[]): void {
    const { pages, pageSize } = usedPages(this.#descriptor)
    const used = pages * pageSize
    const needed = used + pagesFor(changes, pages, pageSize) * pageSize
    if (this.#size >= needed) return
    // LMDB may have grown the file itself; zeros must go after its end and nowhere else.
    this.#size = fstatSync(this.#descriptor).size
    try {
      this.#grow(needed + Math.min(MAX_HEADROOM_BYTES, used * HEADROOM))
    } catch (cause) {
      if (this.#size < needed) throw new DiskFault('full', { cause })
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #grow(size: number): void {
    while (this.#size < size) this.#size += writeSync(this.#descriptor, ZEROS, 0, ZEROS.length, this.#size)
  }
}

/** An upper bound for the pages that these changes write, with a new list of free pages. */
function pagesFor(changes: readonly Change[], pages: number, pageSize: number): number {
  const values = changes.reduce((sum, { value }) => sum + Math.ceil((value?.length ?? 0) / pageSize), 0)
  const touched = Math.min(changes.length * PAGES_PER_CHANGE, pages + changes.length * 2)
  const freeList = Math.ceil((pages * 8) / pageSize) * 2
  return touched + values + freeList + SPARE_PAGES
}
