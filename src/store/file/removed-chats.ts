/** Deletes the messages, other events and idempotency keys of removed chats in the background, in small writes. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ChatTag } from '../../chat/ids.ts'
import { StoreUnavailable } from '../../chat/store.ts'
import type { RetriedFaults } from '../retried-faults.ts'
import type { Change, Disk } from './disk.ts'
import { CrowdedOut, type GroupCommit } from './group-commit.ts'
import * as records from './records.ts'

/** Entries that are deleted in one write. */
const REMOVALS_PER_WRITE = 1000
/** Fewer would not need noticeably less room on the disk. */
const MIN_REMOVALS_PER_WRITE = 64
const PURGING = 'purging removed chats'

export class RemovedChatPurger {
  readonly #disk: Disk
  readonly #commits: GroupCommit
  readonly #faults: RetriedFaults
  #running: Promise<unknown> | undefined
  #again = false
  #isClosed = false

  constructor(disk: Disk, commits: GroupCommit, faults: RetriedFaults) {
    this.#faults = faults
    this.#disk = disk
    this.#commits = commits
  }

  /** Starts the deletion, unless it is running. What fails is tried again by the next call. */
  run(): void {
    this.#again = true
    this.#running ??= this.#run()
  }

  /** Whether records of a removed chat with this tag are still stored. */
  hasLeftovers(tag: ChatTag): boolean {
    return this.#disk.get(records.removedKey(tag)) !== undefined
  }

  /**
   * Resolves when the records of all removed chats are deleted.
   * @throws StoreUnavailable if the disk cannot delete them
   */
  async finished(): Promise<void> {
    this.run()
    const failure = await this.#running
    if (failure !== undefined) throw failure
  }

  /** Stops between two writes. The next start deletes the rest. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  /** Resolves to the error, or to undefined. */
  async #run(): Promise<unknown> {
    await nextTurn()
    try {
      while (this.#again) {
        this.#again = false
        for (let chats = this.#chats(); chats.length > 0; chats = this.#chats()) {
          for (const removed of chats) await this.#purge(removed)
        }
      }
      this.#faults.ended(PURGING)
      return undefined
    } catch (error) {
      if (!this.#isClosed) this.#faults.failed(PURGING, error)
      return error
    } finally {
      this.#running = undefined
    }
  }

  #chats(): Buffer[] {
    return this.#keys(...records.rangeOf('r'))
  }

  async #purge(removed: Buffer): Promise<void> {
    for (const [start, end] of records.partsOf(records.tagIn(removed))) {
      for (let keys = this.#keys(start, end); keys.length > 0; keys = this.#keys(start, end)) await this.#remove(keys)
    }
    await this.#remove([removed])
  }

  #keys(start: Buffer, end: Buffer): Buffer[] {
    if (this.#isClosed) return []
    return [...this.#disk.keysForwards(start, end, REMOVALS_PER_WRITE)]
  }

  async #remove(keys: readonly Buffer[]): Promise<void> {
    const changes = keys.map((key) => ({ key, value: undefined }))
    for (let count = keys.length; changes.length > 0; ) {
      try {
        await this.#write(changes.slice(0, count))
        changes.splice(0, count)
      } catch (error) {
        if (error instanceof CrowdedOut) continue
        // A smaller write needs less room.
        if (!isFull(error) || count <= MIN_REMOVALS_PER_WRITE) throw error
        count = Math.ceil(count / 2)
      }
    }
  }

  #write(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) reject(new Error('closed'))
      else this.#commits.add(changes, { isWithdrawal: true }, resolve, reject)
    })
  }
}

function isFull(error: unknown): boolean {
  return error instanceof StoreUnavailable && error.why === 'full'
}
