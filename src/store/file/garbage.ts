/** Removes what chats that are gone have left behind, little by little: their messages, join events and keys. */
import type { Disk } from './disk.ts'
import type { GroupCommit } from './group-commit.ts'
import * as records from './records.ts'

/** How many entries are removed in one write. */
const REMOVED_AT_ONCE = 1000

export class Garbage {
  readonly #disk: Disk
  readonly #commits: GroupCommit
  #running: Promise<void> | undefined
  #again = false
  #isClosed = false

  constructor(disk: Disk, commits: GroupCommit) {
    this.#disk = disk
    this.#commits = commits
  }

  /** What the disk has no room to remove waits for the next call. */
  collect(): void {
    this.#again = true
    this.#running ??= this.#run()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Stops between two writes; the rest is for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      for (const removed of this.#keys(...records.all('r'))) await this.#removeChat(removed)
    }
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
