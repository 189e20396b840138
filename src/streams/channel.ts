/**
 * One chat that is followed in this process: subscribed to once in the store, however many follow it. What the store
 * notifies is gathered until the end of the turn (so that the request that caused it is answered first), encoded once, and
 * handed to all followers in slices.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoggedEvent } from '../chat/events.ts'
import type { ChatTag } from '../chat/ids.ts'
import { type EventsPage, type LoadedChat, type Store, StoreUnavailable, type Unwatch } from '../chat/store.ts'
import { Batch } from './batch.ts'
import { ExpiryTimer } from './expiry-timer.ts'
import type { ChatSource, Follower } from './follower.ts'
import { forEachInSlices } from './slices.ts'

export interface ChannelOptions {
  readonly store: Store
  /** Commits what is due in a chat, and resolves to the milliseconds until something else is, or to undefined for never. */
  readonly applyDueExpiries: (tag: ChatTag) => Promise<number | undefined>
  /** The store failed: a stream was ended, or an expiry is late. */
  readonly onFault: (error: unknown) => void
}

/** When the store is tried again after it was unavailable. */
const RETRY_MS = 1000

/** A load that several followers share. */
interface SharedLoad {
  /** Loads are numbered in the order in which they were begun. */
  readonly number: number
  readonly chat: Promise<LoadedChat | undefined>
}

/** What the store has notified since the last flush. */
interface Pending {
  events: LoggedEvent[]
  isReset: boolean
  isRemoved: boolean
}

export class Channel {
  readonly tag: ChatTag
  /** Each with what it reads of the chat. */
  readonly #followers = new Map<Follower, FollowerSource>()
  /** Resolves once the store notifies this channel, however long it takes until the store is available. */
  readonly subscribed: Promise<Unwatch | 'gone'>
  /** The latest attempt to subscribe. */
  latestAttempt: Promise<Unwatch | 'gone'>
  newest = 0
  readonly #options: ChannelOptions
  readonly #expiry: ExpiryTimer
  #pending: Pending | undefined
  #isFlushing = false
  /** The latest load, until something is notified that it may lack. While a batch is handed out it is kept for all. */
  #latestLoad: SharedLoad | undefined
  #loads = 0
  #isClosed = false

  constructor(tag: ChatTag, options: ChannelOptions) {
    this.tag = tag
    this.#options = options
    this.#expiry = new ExpiryTimer(() => options.applyDueExpiries(tag), options.onFault)
    this.latestAttempt = this.#subscribe()
    this.subscribed = this.retryWhileUnavailable((isFirst) => {
      if (!isFirst) this.latestAttempt = this.#subscribe()
      return this.latestAttempt
    })
    this.subscribed.then(
      (subscription) => subscription !== 'gone' && !this.#isClosed && this.#expiry.run(),
      () => undefined // the stream that waits for it reports the fault
    )
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  /** Adds a follower, and returns what it reads. */
  add(follower: Follower): FollowerSource {
    const source = new FollowerSource(this, this.#loads)
    this.#followers.set(follower, source)
    return source
  }

  delete(follower: Follower): void {
    this.#followers.delete(follower)
  }

  /**
   * The chat as it is now: at least what was notified. Followers that look at the same time share one load, so that an event
   * that wakes a thousand of them is one load. `notBefore`: the load must have been begun after this one.
   */
  look(notBefore: number): Promise<LoadedChat | undefined> {
    const latest = this.#latestLoad
    if (latest !== undefined && latest.number > notBefore) return latest.chat
    const load: SharedLoad = { number: ++this.#loads, chat: this.#options.store.load(this.tag) }
    this.#latestLoad = load
    const forget = () => {
      if (this.#latestLoad === load) this.#latestLoad = undefined
    }
    load.chat.then(() => this.#isFlushing || forget(), forget)
    return load.chat
  }

  events(after: number, page: EventsPage) {
    return this.#options.store.events(this.tag, after, page)
  }

  close(): void {
    this.#isClosed = true
    this.#expiry.stop()
    this.subscribed.then(
      (unsubscribe) => unsubscribe !== 'gone' && unsubscribe(),
      () => undefined
    )
  }

  #subscribe(): Promise<Unwatch | 'gone'> {
    return this.#options.store.watch(this.tag, (change) => this.#onChange(change))
  }

  /** An open stream stays open while the store is unavailable. */
  async retryWhileUnavailable<Answer>(ask: (isFirst: boolean) => Promise<Answer>): Promise<Answer> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await ask(isFirst)
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || this.#isClosed) throw error
        await sleep(RETRY_MS)
      }
    }
  }

  #onChange(change: readonly LoggedEvent[] | 'reset' | 'gone'): void {
    this.#latestLoad = undefined
    this.#pending ??= { events: [], isReset: false, isRemoved: false }
    if (change === 'gone') this.#pending.isRemoved = true
    else if (change === 'reset') {
      this.#pending.isReset = true
      this.#pending.events = []
      this.newest = 0
    } else {
      this.newest = change.at(-1)?.id ?? this.newest
      this.#pending.events.push(...change)
    }
    if (this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(() => this.#flush())
  }

  /** One batch at a time: the next is gathered while this one is handed out. */
  #flush(): void {
    const { events, isReset, isRemoved } = this.#pending ?? { events: [], isReset: false, isRemoved: false }
    this.#pending = undefined
    const batch = new Batch(events)
    // A guest who has just knocked waits until the link expires at the latest.
    if (batch.joins.length > 0 || isReset) this.#expiry.run()
    forEachInSlices(
      this.#followers,
      ([follower, source]) => {
        if (isReset) this.#reset(follower, source)
        follower.deliver(batch)
        if (isRemoved) follower.chatRemoved()
      },
      // After those that were visited last have looked.
      () => setImmediate(() => this.#afterFlush())
    )
  }

  #afterFlush(): void {
    if (this.#pending !== undefined) this.#flush()
    else {
      this.#isFlushing = false
      // So that a chat in which nothing happens is not kept in memory.
      this.#latestLoad = undefined
    }
  }

  #reset(follower: Follower, source: FollowerSource): void {
    follower.reset(source).catch((error: unknown) => {
      this.#options.onFault(error)
      follower.destroy()
    })
  }
}

/** The chat as one follower reads it. What it sees never goes back: it shares no load that was begun before it came. */
class FollowerSource implements ChatSource {
  readonly #channel: Channel
  readonly #loadsBefore: number

  constructor(channel: Channel, loadsBefore: number) {
    this.#channel = channel
    this.#loadsBefore = loadsBefore
  }

  get newest(): number {
    return this.#channel.newest
  }

  /** @throws StoreUnavailable, where `load` waits */
  look(): Promise<LoadedChat | undefined> {
    return this.#channel.look(this.#loadsBefore)
  }

  load(): Promise<LoadedChat | undefined> {
    return this.#channel.retryWhileUnavailable(() => this.look())
  }

  events(after: number, page: EventsPage) {
    return this.#channel.retryWhileUnavailable(() => this.#channel.events(after, page))
  }
}
