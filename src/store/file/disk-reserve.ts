/**
 * Reserves the space that LMDB is about to write to. Where a write of its finds no room the library overruns
 * a buffer of its own (mdb.c, `mdb_page_flush`: up to 126 characters into 100 bytes) and the process may end; so the data
 * file is kept longer than what is used of it, by zeros.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Change, DiskFault } from './disk.ts'
import { DATA_FILE, usedPages } from './folder.ts'

/** So many pages a change may make anew: the way to it through the tree, twice where pages are split. */
const PAGES_PER_CHANGE = 8
const SPARE_PAGES = 32
/** Taken in advance, of what is used: taking room often costs more than having it. */
const ADVANCE = 1 / 16
const MAX_ADVANCE = 4_194_304
const ZEROS = Buffer.alloc(65_536)

export class DiskReserve {
  readonly #descriptor: number
  #size: number

  constructor(folder: string) {
    this.#descriptor = openSync(join(folder, DATA_FILE), 'r+')
    this.#size = fstatSync(this.#descriptor).size
  }

  /**
   * While nothing is being written.
   * @throws DiskFault
   */
  ensure(changes: readonly Change[]): void {
    const { pages, pageSize } = usedPages(this.#descriptor)
    const used = pages * pageSize
    const needed = used + pagesFor(changes, pages, pageSize) * pageSize
    if (this.#size >= needed) return
    // Zeros go behind the end and nowhere else, whatever the library has written.
    this.#size = fstatSync(this.#descriptor).size
    try {
      this.#grow(needed + Math.min(MAX_ADVANCE, used * ADVANCE))
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

/** No fewer than are written for these changes, with a new list of the free pages. */
function pagesFor(changes: readonly Change[], pages: number, pageSize: number): number {
  const values = changes.reduce((sum, { value }) => sum + Math.ceil((value?.length ?? 0) / pageSize), 0)
  const touched = Math.min(changes.length * PAGES_PER_CHANGE, pages + changes.length * 2)
  const freeList = Math.ceil((pages * 8) / pageSize) * 2
  return touched + values + freeList + SPARE_PAGES
}
