/** A request that waits for something to happen in a chat. */
import type { LoggedEvent } from '../chat/events.ts'
import type { Batch } from './batch.ts'
import type { Follower } from './follower.ts'

export class Waiter implements Follower {
  readonly #wakes: (events: readonly LoggedEvent[]) => boolean

  /** `wakes`: whether events are among those that are waited for. */
  constructor(wakes: (events: readonly LoggedEvent[]) => boolean) {
    this.#wakes = wakes
  }

  get kind(): 'wait' {
    return 'wait'
  }

  #isOver = false
  /** Whether something that is waited for has happened since `isDone` was called last. */
  #hasChanged = false
  #wake: () => void = () => {}
  readonly #closeListeners: (() => void)[] = []

  /** Calls `isDone` now and after each change, until it returns true or `end` is called. */
  async waitUntil(isDone: () => Promise<boolean>): Promise<void> {
    try {
      while (!this.#isOver && !(await isDone())) await this.#change()
    } finally {
      this.#isOver = true
      for (const listener of this.#closeListeners) listener()
    }
  }

  deliver({ events }: Batch): void {
    if (this.#wakes(events)) this.#changed()
  }

  async reset(): Promise<void> {
    this.#changed()
  }

  chatRemoved(): void {
    this.#changed()
  }

  #changed(): void {
    this.#hasChanged = true
    this.#wake()
  }

  heartbeat(): void {}

  end(): void {
    this.#isOver = true
    this.#wake()
  }

  destroy(): void {
    this.end()
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  async #change(): Promise<void> {
    if (!this.#hasChanged && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#hasChanged = false
  }
}
