/** A request that waits for something to happen in a chat. */
import type { Follower } from './follower.ts'

export class Waiter implements Follower {
  get kind(): 'wait' {
    return 'wait'
  }

  #isOver = false
  /** Whether the chat has changed since `isDone` was called last. */
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

  deliver(): void {
    this.#hasChanged = true
    this.#wake()
  }

  async reset(): Promise<void> {
    this.deliver()
  }

  chatRemoved(): void {
    this.deliver()
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
