/** Removes what chats that are gone have left behind, little by little: their messages, join events and keys. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ChatTag } from '../../chat/ids.ts'
import { type FaultHooks, RetriedFaults } from '../retried-faults.ts'
import type { Disk } from './disk.ts'
import type { GroupCommit } from './group-commit.ts'
import * as records from './records.ts'

/** How many entries are removed in one write. */
const REMOVED_AT_ONCE = 1000
const REMOVING = 'removing what is left'

export class RemovedChatPurger {
  readonly #disk: Disk
  readonly #commits: GroupCommit
  readonly #faults: RetriedFaults
  #running: Promise<unknown> | undefined
  #again = false
  #isClosed = false

  constructor(disk: Disk, commits: GroupCommit, hooks: FaultHooks) {
    this.#faults = new RetriedFaults(hooks)
    this.#disk = disk
    this.#commits = commits
  }

  /** What the disk has no room to remove waits for the next call. */
  run(): void {
    this.#again = true
    this.#running ??= this.#run()
  }

  /** Whether something is left of a chat that had this tag. */
  isLeftOf(tag: ChatTag): boolean {
    return this.#disk.get(records.removedKey(tag)) !== undefined
  }

  /**
   * Once nothing is left of any.
   * @throws StoreUnavailable if the disk could not do it
   */
  async finished(): Promise<void> {
    this.run()
    const failure = await this.#running
    if (failure !== undefined) throw failure
  }

  /** Stops between two writes; the rest is for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  /** Says what went wrong, if anything. */
  async #run(): Promise<unknown> {
    await nextTurn()
    try {
      while (this.#again) {
        this.#again = false
        for (let chats = this.#chats(); chats.length > 0; chats = this.#chats()) {
          for (const removed of chats) await this.#removeChat(removed)
        }
      }
      this.#faults.ended(REMOVING)
      return undefined
    } catch (error) {
      if (!this.#isClosed) this.#faults.failed(REMOVING, error)
      return error
    } finally {
      this.#running = undefined
    }
  }

  #chats(): Buffer[] {
    return this.#keys(...records.all('r'))
  }

  async #removeChat(removed: Buffer): Promise<void> {
    for (const [start, end] of records.partsOf(records.removedTagIn(removed))) {
      for (let keys = this.#keys(start, end); keys.length > 0; keys = this.#keys(start, end)) await this.#remove(keys)
    }
    await this.#remove([removed])
  }

  #keys(start: Buffer, end: Buffer): Buffer[] {
    if (this.#isClosed) return []
    return Array.from(this.#disk.range(start, end, REMOVED_AT_ONCE), ({ key }) => key)
  }

  #remove(keys: readonly Buffer[]): Promise<void> {
    const changes = keys.map((key) => ({ key, value: undefined }))
    return new Promise((resolve, reject) => {
      if (this.#isClosed) reject(new Error('closed'))
      else this.#commits.add(changes, resolve, reject)
    })
  }
}
