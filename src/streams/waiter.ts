/** A request that waits for something to happen in a chat. */
import type { Follower } from './event-stream.ts'

export class Waiter implements Follower {
  get kind(): 'wait' {
    return 'wait'
  }

  #isOver = false
  /** Whether something has happened since the last look. */
  #isStale = false
  #wake: () => void = () => {}
  readonly #closeListeners: (() => void)[] = []

  /** Looks now, and again whenever something has happened, until `look` says that it is done, or `end` is called. */
  async until(look: () => Promise<boolean>): Promise<void> {
    try {
      while (!this.#isOver && !(await look())) await this.#news()
    } finally {
      this.#isOver = true
      for (const listener of this.#closeListeners) listener()
    }
  }

  deliver(): void {
    this.#isStale = true
    this.#wake()
  }

  async reset(): Promise<void> {
    this.deliver()
  }

  gone(): void {
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

  async #news(): Promise<void> {
    if (!this.#isStale && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#isStale = false
  }
}
