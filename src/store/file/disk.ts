/** What the file store needs from a disk: ordered keys, and writes that survive any crash once they resolve. */
import type { CommitOptions } from '../../chat/store.ts'

export interface Disk {
  get(key: Buffer): Buffer | undefined
  /** A snapshot of the entries from `start` (inclusive) to `end` (exclusive), ordered by the bytes of their keys. */
  range(start: Buffer, end: Buffer, limit?: number): Iterable<Entry>
  /** The keys of such a range, without reading any values. */
  keysForwards(start: Buffer, end: Buffer, limit?: number): Iterable<Buffer>
  /** The last `limit` keys of such a range, from the last one down. */
  keysBackwards(start: Buffer, end: Buffer, limit: number): Iterable<Buffer>
  /**
   * Atomic, and synced to the disk before it resolves. Only one write at a time. Keys and values must not be changed
   * afterwards. With `isWithdrawal` it may use space that is kept for this.
   * @throws DiskFault
   */
  write(changes: Iterable<Change>, options?: CommitOptions): Promise<void>
  /** Why new data is refused, or undefined. `disk`: too little space is left. `limit`: it holds as much as it may. Cheap. */
  readonly fullness?: () => 'disk' | 'limit' | undefined
  /** Whether another process that opens the same path would find what is written here. */
  readonly isInPlace?: () => Promise<boolean>
  close(): Promise<void>
}

export interface Entry {
  readonly key: Buffer
  readonly value: Buffer
}

/** Sets a value, or removes the key if `value` is undefined. */
export interface Change {
  readonly key: Buffer
  readonly value: Buffer | undefined
}

/**
 * A write has failed. `full`: no space is left. `failed`: it could not be written or synced. In both cases nothing of it was
 * stored, and a later write can succeed. `broken`: the state of the disk is unknown, so this process cannot go on with it.
 */
export class DiskFault extends Error {
  override readonly name = 'DiskFault'
  readonly is: 'full' | 'failed' | 'broken'

  constructor(is: DiskFault['is'], options?: ErrorOptions) {
    super(`the disk is ${is}`, options)
    this.is = is
  }
}
