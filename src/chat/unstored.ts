/**
 * Withdrawals that the store could not take, because it cannot be reached or cannot write: this process enforces them from
 * then on, and stores them as soon as it can. Whoever was removed neither reads nor posts here meanwhile.
 */
import type { Decide } from './decisions.ts'
import type { ChatTag } from './ids.ts'
import { isRefusal, Refused } from './refusals.ts'
import { type Listener, type LoadedChat, type Store, StoreUnavailable } from './store.ts'

const RETRY_MS = 1000

/** Takes a right away: a decision on the door, or the removal of the whole chat. */
export interface Withdrawal {
  readonly tag: ChatTag
  /** Two withdrawals with the same key are the same. */
  readonly key: string
  /** Undefined: the chat is removed. */
  readonly decide: Decide<unknown> | undefined
  /** Tries again. @throws StoreUnavailable if it still cannot be stored, Refused if there is nothing to store any more */
  readonly store: () => Promise<unknown>
}

export class UnstoredWithdrawals {
  readonly #store: Store
  readonly #now: () => number
  readonly #onFault: (error: unknown) => void
  readonly #unstored = new Map<ChatTag, Map<string, Withdrawal>>()
  readonly #listeners = new Map<ChatTag, Set<Listener>>()
  #isClosed = false

  constructor(store: Store, now: () => number, onFault: (error: unknown) => void) {
    this.#store = store
    this.#now = now
    this.#onFault = onFault
  }

  /** The number of withdrawals that are not stored yet. */
  get size(): number {
    let size = 0
    for (const ofChat of this.#unstored.values()) size += ofChat.size
    return size
  }

  /** The store as readers of this process must see it. What it decides on must be read from the store itself. */
  view(): Store {
    const differences: Pick<Store, 'load' | 'cached' | 'watch'> = {
      load: async (tag) => this.#enforced(tag, await this.#store.load(tag)),
      cached: (tag) => this.#enforced(tag, this.#store.cached(tag)),
      watch: async (tag, listener) => {
        const unwatch = await this.#store.watch(tag, listener)
        if (unwatch === 'gone') return unwatch
        const listeners = this.#listeners.get(tag) ?? new Set()
        this.#listeners.set(tag, listeners.add(listener))
        return () => {
          listeners.delete(listener)
          if (listeners.size === 0 && this.#listeners.get(tag) === listeners) this.#listeners.delete(tag)
          unwatch()
        }
      }
    }
    return Object.assign(Object.create(this.#store), differences)
  }

  /** Enforces a withdrawal until it is stored. */
  add(withdrawal: Withdrawal): void {
    const { tag, key, decide } = withdrawal
    const ofChat = this.#unstored.get(tag) ?? new Map<string, Withdrawal>()
    this.#unstored.set(tag, ofChat)
    if (ofChat.has(key)) return
    ofChat.set(key, withdrawal)
    for (const listener of this.#listeners.get(tag) ?? []) listener(decide === undefined ? 'gone' : 'reset')
    this.#retryLater(withdrawal)
  }

  /** Tries to store everything once more, for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true
    const all = [...this.#unstored.values()].flatMap((ofChat) => [...ofChat.values()])
    await Promise.all(all.map((withdrawal) => this.#retry(withdrawal)))
  }

  #retryLater(withdrawal: Withdrawal): void {
    const retry = () => (this.#isClosed ? undefined : this.#retry(withdrawal))
    setTimeout(retry, RETRY_MS).unref()
  }

  async #retry(withdrawal: Withdrawal): Promise<void> {
    try {
      await withdrawal.store()
    } catch (error) {
      if (error instanceof StoreUnavailable) {
        this.#retryLater(withdrawal)
        return
      }
      // Refused: somebody else has done it, or the chat is gone.
      if (!(error instanceof Refused)) this.#onFault(error)
    }
    this.#forget(withdrawal)
  }

  #forget({ tag, key }: Withdrawal): void {
    const ofChat = this.#unstored.get(tag)
    ofChat?.delete(key)
    if (ofChat?.size === 0) this.#unstored.delete(tag)
  }

  #enforced(tag: ChatTag, stored: LoadedChat | undefined): LoadedChat | undefined {
    const ofChat = this.#unstored.get(tag)
    if (ofChat === undefined || stored === undefined) return stored
    let { door } = stored
    for (const { decide } of ofChat.values()) {
      if (decide === undefined) return undefined
      const change = decide(door, this.#now(), stored)
      if (!isRefusal(change)) door = change.door
    }
    // A post is compared with the rights that are stored.
    return { ...stored, door: { ...door, rights: stored.door.rights } }
  }
}
