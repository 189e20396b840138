/**
 * Group commit: what is to be written while a write is under way goes to the disk together with the next, so that one
 * sync serves all who wait for one.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { StoreUnavailable } from '../../chat/store.ts'
import { type Change, type Disk, DiskFault } from './disk.ts'

interface Waiting {
  readonly changes: readonly Change[]
  readonly written: () => void
  readonly failed: (error: StoreUnavailable) => void
}

export class GroupCommit {
  readonly #disk: Disk
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  readonly #onBroken: (fault: StoreUnavailable) => void
  #fault: StoreUnavailable | undefined

  constructor(disk: Disk, onBroken: (fault: StoreUnavailable) => void) {
    this.#disk = disk
    this.#onBroken = onBroken
  }

  /** What has broken the disk, if it is. */
  get fault(): StoreUnavailable | undefined {
    return this.#fault
  }

  /**
   * Calls `written` once the changes are on the disk, or `failed` if they are not and never will be: then all that was
   * waiting behind them fails, too, since it may build on them. Calls come in the order of these.
   */
  add(changes: readonly Change[], written: () => void, failed: (error: StoreUnavailable) => void): void {
    this.#waiting.push({ changes, written, failed })
    this.#running ??= this.#run()
  }

  /** Once all is written that is waiting. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // What comes in the same turn goes in one write.
    await nextTurn()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        if (this.#fault !== undefined) throw this.#fault
        await this.#disk.write(latest(batch))
      } catch (error) {
        this.#fail([...batch, ...this.#waiting.splice(0)], error)
        continue
      }
      // Not within: what goes wrong in telling of it is no fault of the disk, on which it is.
      for (const { written } of batch) written()
    }
    this.#running = undefined
  }

  #fail(batch: readonly Waiting[], cause: unknown): void {
    const isFull = cause instanceof DiskFault && cause.is === 'full'
    const fault = this.#fault ?? new StoreUnavailable(isFull ? 'full' : 'unreachable', { cause })
    if (cause instanceof DiskFault && cause.is === 'broken') this.#break(fault)
    for (const { failed } of batch) failed(fault)
  }

  /** Nothing more is accepted until the process starts anew. */
  #break(fault: StoreUnavailable): void {
    this.#fault = fault
    this.#onBroken(fault)
  }
}

/** Of several changes of one key only the last is written. */
function latest(batch: readonly Waiting[]): Iterable<Change> {
  const changes = new Map<string, Change>()
  for (const waiting of batch) for (const change of waiting.changes) changes.set(change.key.toString('latin1'), change)
  return changes.values()
}
