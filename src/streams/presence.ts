/**
 * Whether the owner of a chat has a live stream, in this process or in another one that shares the store. A process announces
 * such a chat in the store when the first stream opens and every 30 s after that, and retracts it when the last one closes.
 * What it costs does not depend on how many read the chat. See docs/decisions/owner-present.md.
 */
import type { ChatTag } from '../chat/ids.ts'
import { type PresenceStore, StoreUnavailable } from '../chat/store.ts'

const REPEAT_MS = 30_000
/** A little longer, because a busy process can be late. */
const LEASE_MS = 32_000
/** How long anything waits for the store. */
const DEADLINE_MS = 500

export class OwnerPresence {
  /** The number of the owner's streams in this process. */
  readonly #streams = new Map<ChatTag, number>()
  readonly #announcements: Announcements | undefined

  /** `shared`: what other processes can see; undefined if there are none. */
  constructor(shared: PresenceStore | undefined, onFault: (error: unknown) => void) {
    this.#announcements = shared && new Announcements(shared, onFault)
  }

  /** A stream of the owner's has opened. Call what this returns once, when it closes. */
  enter(tag: ChatTag): () => void {
    const before = this.#streams.get(tag) ?? 0
    this.#streams.set(tag, before + 1)
    if (before === 0) this.#announcements?.begin(tag)
    return () => this.#leave(tag)
  }

  /**
   * Never rejects, and takes half a second at most: if the store fails or is slow, the answer is what this process knows by
   * itself.
   */
  async isPresent(tag: ChatTag): Promise<boolean> {
    if (this.#streams.has(tag)) return true
    return this.#announcements !== undefined && (await this.#announcements.includes(tag))
  }

  /** Call it when all streams have closed. Waits for updates of the store in progress, but not long. */
  async close(): Promise<void> {
    await this.#announcements?.settled()
  }

  #leave(tag: ChatTag): void {
    const left = (this.#streams.get(tag) ?? 0) - 1
    if (left > 0) this.#streams.set(tag, left)
    else {
      this.#streams.delete(tag)
      this.#announcements?.end(tag)
    }
  }
}

interface Announcement {
  /** Repeats it; undefined once it has ended. */
  timer: NodeJS.Timeout | undefined
  /** It has begun, ended or become old since the store was updated last. */
  isDue: boolean
  /** While the store is updated. */
  updating: Promise<void> | undefined
}

/** What this process announces in the store. If the store is unavailable, the next repetition makes up for it, or the announcement lapses. */
class Announcements {
  readonly #store: PresenceStore
  readonly #onFault: (error: unknown) => void
  readonly #all = new Map<ChatTag, Announcement>()

  constructor(store: PresenceStore, onFault: (error: unknown) => void) {
    this.#store = store
    this.#onFault = onFault
  }

  begin(tag: ChatTag): void {
    const own = this.#all.get(tag) ?? { timer: undefined, isDue: false, updating: undefined }
    this.#all.set(tag, own)
    own.timer = setInterval(() => this.#update(tag, own), REPEAT_MS).unref()
    this.#update(tag, own)
  }

  end(tag: ChatTag): void {
    const own = this.#all.get(tag)
    if (own === undefined) return
    clearInterval(own.timer)
    own.timer = undefined
    this.#update(tag, own)
  }

  async includes(tag: ChatTag): Promise<boolean> {
    const asked = this.#store.isAnnounced(tag).catch((error: unknown) => this.#report(error))
    return (await withDeadline(asked)) ?? false
  }

  async settled(): Promise<void> {
    await withDeadline(Promise.all([...this.#all.values()].map(({ updating }) => updating)))
  }

  #update(tag: ChatTag, own: Announcement): void {
    own.isDue = true
    own.updating ??= this.#updateInTurn(tag, own)
  }

  /** One call at a time, so that the last one counts. */
  async #updateInTurn(tag: ChatTag, own: Announcement): Promise<void> {
    while (own.isDue) {
      own.isDue = false
      const updated = own.timer === undefined ? this.#store.retract(tag) : this.#store.announce(tag, LEASE_MS)
      await updated.catch((error: unknown) => this.#report(error))
    }
    own.updating = undefined
    if (own.timer === undefined) this.#all.delete(tag)
  }

  #report(error: unknown): undefined {
    if (!(error instanceof StoreUnavailable)) this.#onFault(error)
  }
}

/** `undefined` if it takes too long. */
async function withDeadline<Value>(work: Promise<Value>): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, DEADLINE_MS, undefined)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
