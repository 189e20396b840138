/** What the file store needs of a disk: keys in order, and writes that are there after any crash once they resolve. */
export interface Disk {
  get(key: Buffer): Buffer | undefined
  /** From `start` on and before `end`, in the order of the keys' bytes, as of now. */
  range(start: Buffer, end: Buffer, limit?: number): Iterable<Entry>
  /**
   * All of it or nothing, synced to the disk before it resolves. One write at a time; keys and values must not be
   * changed afterwards.
   * @throws DiskFault
   */
  write(changes: Iterable<Change>): Promise<void>
  close(): Promise<void>
}

export interface Entry {
  readonly key: Buffer
  readonly value: Buffer
}

/** Puts a value, or removes the key where there is none. */
export interface Change {
  readonly key: Buffer
  readonly value: Buffer | undefined
}

/**
 * A write has failed. `full`: there is no room; `failed`: it could not be written or synced. In both nothing of it is
 * there, and another may succeed. `broken`: nobody knows what is there; nothing more can be done in this process.
 */
export class DiskFault extends Error {
  override readonly name = 'DiskFault'
  readonly is: 'full' | 'failed' | 'broken'

  constructor(is: DiskFault['is'], options?: ErrorOptions) {
    super(`the disk is ${is}`, options)
    this.is = is
  }
}
