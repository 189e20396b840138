/**
 * Group commit: changes that arrive during a write are written together in the next one, so that a single sync
 * serves all of them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type CommitOptions, StoreUnavailable } from '../../chat/store.ts'
import { type Change, type Disk, DiskFault } from './disk.ts'

/** A withdrawal was written together with new data, for which there was no room. It should be tried again. */
export class CrowdedOut extends StoreUnavailable {
  constructor(options: ErrorOptions) {
    super('full', options)
  }
}

interface PendingWrite extends CommitOptions {
  readonly changes: readonly Change[]
  readonly written: () => void
  readonly failed: (error: StoreUnavailable) => void
}

export class GroupCommit {
  readonly #disk: Disk
  #pending: PendingWrite[] = []
  #running: Promise<void> | undefined
  /** How many go into the next write at most. */
  #together = Number.POSITIVE_INFINITY
  readonly #onBroken: (fault: StoreUnavailable) => void
  #fault: StoreUnavailable | undefined

  constructor(disk: Disk, onBroken: (fault: StoreUnavailable) => void) {
    this.#disk = disk
    this.#onBroken = onBroken
  }

  /** The fault that broke the disk, if there is one. */
  get fault(): StoreUnavailable | undefined {
    return this.#fault
  }

  /**
   * Calls `written` after the changes are on the disk, or `failed` if they were not and never will be written. After a
   * failure all pending changes fail too, because they can depend on the failed ones. Callbacks run in the order of the
   * calls of `add`.
   */
  add(
    changes: readonly Change[],
    { isWithdrawal }: CommitOptions,
    written: () => void,
    failed: (error: StoreUnavailable) => void
  ): void {
    this.#pending.push({ changes, isWithdrawal, written, failed })
    this.#running ??= this.#run()
  }

  /** Resolves when no write is pending. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // Changes of the same turn go into one write.
    await nextTurn()
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, this.#together)
      try {
        if (this.#fault !== undefined) throw this.#fault
        await this.#disk.write(latest(batch), { isWithdrawal: isOnlyWithdrawal(batch) })
        this.#together = Number.POSITIVE_INFINITY
      } catch (error) {
        if (isFull(error) && batch.length > 1 && isOnlyWithdrawal(batch)) {
          // Fewer at a time need less room.
          this.#pending.unshift(...batch)
          this.#together = Math.ceil(batch.length / 2)
          continue
        }
        this.#together = Number.POSITIVE_INFINITY
        this.#fail([...batch, ...this.#pending.splice(0)], error)
        continue
      }
      // Outside of `try`: an error in a callback is not a disk fault; the changes are on the disk.
      for (const { written } of batch) written()
    }
    this.#running = undefined
  }

  #fail(batch: readonly PendingWrite[], cause: unknown): void {
    const fault = this.#fault ?? new StoreUnavailable(isFull(cause) ? 'full' : 'unreachable', { cause })
    if (cause instanceof DiskFault && cause.is === 'broken') this.#break(fault)
    const crowdedOut = isFull(cause) && !isOnlyWithdrawal(batch) ? new CrowdedOut({ cause }) : fault
    for (const { isWithdrawal, failed } of batch) failed(isWithdrawal ? crowdedOut : fault)
  }

  /** From now on every write fails. Only a new process can continue. */
  #break(fault: StoreUnavailable): void {
    this.#fault = fault
    this.#onBroken(fault)
  }
}

function isFull(error: unknown): boolean {
  return error instanceof DiskFault && error.is === 'full'
}

function isOnlyWithdrawal(batch: readonly PendingWrite[]): boolean {
  return batch.every(({ isWithdrawal }) => isWithdrawal)
}

/** If a key changes several times in a batch, only the last change is written. */
function latest(batch: readonly PendingWrite[]): Iterable<Change> {
  const changes = new Map<string, Change>()
  for (const pending of batch) for (const change of pending.changes) changes.set(change.key.toString('latin1'), change)
  return changes.values()
}
