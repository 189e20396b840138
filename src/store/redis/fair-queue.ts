/**
 * A bounded number of tasks at a time. Those that wait get their turn by chat: a chat that a thousand readers read does not make
 * the reader of another one wait for all of them.
 */
import { StoreUnavailable } from '../../chat/store.ts'

type Start = () => void

export class FairQueue {
  readonly #most: number
  readonly #maxWaitMs: number
  #running = 0
  /** By chat; the first one is next. */
  readonly #waiting = new Map<string, Set<Start>>()

  constructor({ most, maxWaitMs }: { readonly most: number; readonly maxWaitMs: number }) {
    this.#most = most
    this.#maxWaitMs = maxWaitMs
  }

  /** @throws StoreUnavailable if it has waited for too long, and what `task` throws */
  async run<Result>(tag: string, task: () => Promise<Result>): Promise<Result> {
    if (this.#running < this.#most) this.#running++
    else await this.#turn(tag)
    try {
      return await task()
    } finally {
      this.#startNext()
    }
  }

  #turn(tag: string): Promise<void> {
    const ofChat = this.#waiting.get(tag) ?? new Set<Start>()
    this.#waiting.set(tag, ofChat)
    return new Promise((resolve, reject) => {
      const start = (): void => {
        clearTimeout(deadline)
        resolve()
      }
      const deadline = setTimeout(() => {
        this.#remove(tag, ofChat, start)
        reject(new StoreUnavailable('unreachable'))
      }, this.#maxWaitMs)
      ofChat.add(start)
    })
  }

  /** Passes the place of a task that has ended on to the next one. */
  #startNext(): void {
    for (const [tag, ofChat] of this.#waiting) {
      for (const start of ofChat) {
        this.#remove(tag, ofChat, start)
        // Its next one comes after those of all other chats.
        if (this.#waiting.delete(tag)) this.#waiting.set(tag, ofChat)
        start()
        return
      }
    }
    this.#running--
  }

  #remove(tag: string, ofChat: Set<Start>, start: Start): void {
    ofChat.delete(start)
    if (ofChat.size === 0) this.#waiting.delete(tag)
  }
}
