/**
 * The live streams of this process. Each chat that somebody follows is a channel: watched once in the store, however
 * many streams it has. What a channel is told is gathered until the end of the turn (so the request that caused it is
 * answered first), encoded once, and handed to all followers of the channel, 128 a turn.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoggedEvent } from '../chat/events.ts'
import { type ChatTag, digestOf, tagOf, type UserDigest, type UserId } from '../chat/ids.ts'
import { type EventsPage, type Store, StoreUnavailable, type Unwatch } from '../chat/store.ts'
import { Batch } from './batch.ts'
import type { ChatSource } from './chat-source.ts'
import { type ChatReader, ChatStream } from './chat-stream.ts'
import type { EventStream, Follower, Sink } from './event-stream.ts'
import { type GuestReader, GuestStream } from './guest-stream.ts'
import { StreamStats } from './stats.ts'
import { Waiter } from './waiter.ts'

export interface HubOptions {
  readonly store: Store
  /** Commits what is due in a chat, and says in how many milliseconds something will be again, if ever. */
  readonly applyDueExpiries: (tag: ChatTag) => Promise<number | undefined>
  readonly heartbeatMs: number
  /** Live bytes that may wait for one reader before it is cut off. */
  readonly maxBufferBytes: number
  /** Open streams and waits; see `isFull`. */
  readonly maxStreams: number
  /** Those of one user id, see `hasTooMany`; any number if none is given. */
  readonly maxStreamsPerUser?: number | undefined
  /** The store failed: a stream was ended, or what is due in a chat has to wait. */
  readonly onFault: (error: unknown) => void
}

/** Followers told before other work has its turn: a chat with thousands of readers must not hold up the rest. */
const SLICE_SIZE = 128
/** A thousand clients that lost their streams at once must not come back at once. */
const RECONNECT_MS = { min: 1000, max: 5000 }
/** What a reader that does not read has to take its last bytes when the hub closes. */
const CLOSE_DEADLINE_MS = 1000

export class Hub {
  readonly stats = new StreamStats()
  readonly #options: HubOptions
  readonly #channels = new Map<ChatTag, Channel>()
  readonly #followers = new Set<Follower>()
  /** How many of them belong to each user. */
  readonly #ofUsers = new Map<UserDigest, number>()
  readonly #heartbeat: NodeJS.Timeout
  #closing = false

  constructor(options: HubOptions) {
    this.#options = options
    this.#heartbeat = setInterval(
      () => forEachInSlices(this.#followers, (follower) => follower.heartbeat()),
      options.heartbeatMs
    )
    this.#heartbeat.unref()
  }

  get isFull(): boolean {
    return this.#followers.size >= this.#options.maxStreams
  }

  /** Whether this user has as many open streams and waits as one may. */
  hasTooMany(user: UserId): boolean {
    return (this.#ofUsers.get(digestOf(user)) ?? 0) >= (this.#options.maxStreamsPerUser ?? Number.POSITIVE_INFINITY)
  }

  /** How many chats are followed in this process. */
  get chats(): number {
    return this.#channels.size
  }

  /** How many streams and waits are open, by kind. */
  countOpen(): Record<Follower['kind'], number> {
    const open = { chat: 0, guest: 0, wait: 0 }
    for (const { kind } of this.#followers) open[kind]++
    return open
  }

  /** Follows a chat as a member, until the socket closes. */
  openChatStream(socket: Sink, tag: ChatTag, reader: ChatReader): void {
    const stream = new ChatStream(socket, this.#options.maxBufferBytes, reader, this.stats)
    this.#run(tag, stream, reader.user, (source) => stream.catchUp(source, reader))
  }

  /** Follows the own join request as a guest, until it is decided. */
  openGuestStream(socket: Sink, reader: GuestReader): void {
    const stream = new GuestStream(socket, this.#options.maxBufferBytes, reader, this.stats)
    this.#run(tagOf(reader.chat), stream, reader.client, (source) => stream.begin(source))
  }

  /**
   * Calls `look` now and again after whatever happens in the chat, until it says that it is done, `seconds` are up,
   * `gone` is aborted or the hub closes.
   * @throws what `look` throws
   */
  async wait(
    tag: ChatTag,
    seconds: number,
    gone: AbortSignal,
    look: () => Promise<boolean>,
    user?: UserId
  ): Promise<void> {
    const waiter = new Waiter()
    const end = () => waiter.end()
    const timer = setTimeout(end, seconds * 1000)
    gone.addEventListener('abort', end)
    if (gone.aborted || this.#closing) end()
    const channel = this.#follow(tag, waiter, user)
    try {
      await waiter.until(async () => {
        await channel.latestAttempt
        return look()
      })
    } finally {
      clearTimeout(timer)
      gone.removeEventListener('abort', end)
    }
  }

  /** Ends every stream and every wait; resolves when all sockets are closed. Streams opened later end at once. */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#heartbeat)
    const open = [...this.#followers]
    const closed = Promise.all(open.map((stream) => new Promise<void>((resolve) => stream.onClose(resolve))))
    for (const stream of open) stream.end()
    const deadline = setTimeout(() => open.forEach((stream) => void stream.destroy()), CLOSE_DEADLINE_MS)
    await closed
    clearTimeout(deadline)
  }

  #run(tag: ChatTag, stream: EventStream, user: UserId, start: (source: ChatSource) => Promise<void>): void {
    if (this.#closing) {
      stream.end()
      return
    }
    this.stats.opened[stream.kind]++
    const channel = this.#follow(tag, stream, user)
    stream.open(randomInt(RECONNECT_MS.min, RECONNECT_MS.max + 1))
    channel.subscribed
      .then((watched) => (watched === 'gone' ? stream.gone() : start(channel)))
      .catch((error: unknown) => {
        this.#options.onFault(error)
        stream.destroy()
      })
  }

  #follow(tag: ChatTag, follower: Follower, user: UserId | undefined): Channel {
    const channel = this.#channelOf(tag)
    this.#followers.add(follower)
    channel.followers.add(follower)
    const digest = user && digestOf(user)
    this.#count(digest, 1)
    follower.onClose(() => {
      this.#count(digest, -1)
      this.#followers.delete(follower)
      channel.followers.delete(follower)
      if (channel.followers.size === 0) this.#drop(channel)
    })
    return channel
  }

  #count(user: UserDigest | undefined, change: 1 | -1): void {
    if (user === undefined) return
    const count = (this.#ofUsers.get(user) ?? 0) + change
    if (count > 0) this.#ofUsers.set(user, count)
    else this.#ofUsers.delete(user)
  }

  #channelOf(tag: ChatTag): Channel {
    const open = this.#channels.get(tag)
    if (open !== undefined) return open
    const channel = new Channel(tag, this.#options)
    this.#channels.set(tag, channel)
    return channel
  }

  #drop(channel: Channel): void {
    if (this.#channels.get(channel.tag) === channel) this.#channels.delete(channel.tag)
    channel.close()
  }
}

/** Beyond this `setTimeout` fires at once (Node.js, timers). */
const MAX_TIMER_MS = 2 ** 31 - 1
/** When the store is asked again that could not do its work. */
const RETRY_MS = 1000

class Channel implements ChatSource {
  readonly tag: ChatTag
  readonly followers = new Set<Follower>()
  /** Resolves once the store tells of the chat, however long it takes until the store can be reached. */
  readonly subscribed: Promise<Unwatch | 'gone'>
  /** The latest attempt at it. */
  latestAttempt: Promise<Unwatch | 'gone'>
  newest = 0
  readonly #options: HubOptions
  #pending: LoggedEvent[] = []
  #isReset = false
  #isGone = false
  #flushing = false
  #isClosed = false
  #deadline: NodeJS.Timeout | undefined
  #scheduled = 0

  constructor(tag: ChatTag, options: HubOptions) {
    this.tag = tag
    this.#options = options
    this.latestAttempt = this.#watch()
    this.subscribed = this.#retryWhileUnavailable((isFirst) => {
      if (!isFirst) this.latestAttempt = this.#watch()
      return this.latestAttempt
    })
    this.subscribed.then(
      (watched) => watched !== 'gone' && this.#scheduleExpiry(),
      () => undefined // the fault is reported by the stream that waits for it
    )
  }

  load() {
    return this.#retryWhileUnavailable(() => this.#options.store.load(this.tag))
  }

  events(after: number, page: EventsPage) {
    return this.#retryWhileUnavailable(() => this.#options.store.events(this.tag, after, page))
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#deadline)
    this.subscribed.then(
      (watched) => watched !== 'gone' && watched(),
      () => undefined
    )
  }

  #watch(): Promise<Unwatch | 'gone'> {
    return this.#options.store.watch(this.tag, (told) => this.#onStoreNotification(told))
  }

  /** A stream that is open stays open while the store cannot be reached. */
  async #retryWhileUnavailable<Answer>(ask: (isFirst: boolean) => Promise<Answer>): Promise<Answer> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await ask(isFirst)
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || this.#isClosed) throw error
        await sleep(RETRY_MS)
      }
    }
  }

  /** Settles what is due, and again when the next is: whoever waits is told at that moment. */
  #scheduleExpiry(): void {
    const scheduled = ++this.#scheduled
    const again = (ms: number | undefined): void => {
      // One that was overtaken may not know of the latest deadline.
      if (scheduled !== this.#scheduled) return
      clearTimeout(this.#deadline)
      if (this.#isClosed || ms === undefined) return
      this.#deadline = setTimeout(() => this.#scheduleExpiry(), Math.min(ms, MAX_TIMER_MS))
    }
    this.#options.applyDueExpiries(this.tag).then(again, (error: unknown) => {
      this.#options.onFault(error)
      again(RETRY_MS)
    })
  }

  #onStoreNotification(told: readonly LoggedEvent[] | 'reset' | 'gone'): void {
    if (told === 'gone') this.#isGone = true
    else if (told === 'reset') {
      this.#isReset = true
      this.#pending = []
      this.newest = 0
    } else {
      this.newest = told.at(-1)?.id ?? this.newest
      this.#pending.push(...told)
    }
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => this.#flush())
  }

  /** One batch at a time: the next gathers while this one is handed out. */
  #flush(): void {
    const batch = new Batch(this.#pending)
    const [isReset, isGone] = [this.#isReset, this.#isGone]
    this.#pending = []
    this.#isReset = false
    // Whoever has come to wait at a link waits until it expires at the latest.
    if (batch.joins.length > 0 || isReset) this.#scheduleExpiry()
    forEachInSlices(
      this.followers,
      (follower) => {
        if (isReset) this.#reset(follower)
        follower.deliver(batch)
        if (isGone) follower.gone()
      },
      () => {
        this.#flushing = this.#pending.length > 0 || this.#isReset || this.#isGone !== isGone
        if (this.#flushing) setImmediate(() => this.#flush())
      }
    )
  }

  #reset(follower: Follower): void {
    follower.reset(this).catch((error: unknown) => {
      this.#options.onFault(error)
      follower.destroy()
    })
  }
}

/** Visits each follower once, also those that are added meanwhile, a slice a turn. */
function forEachInSlices(followers: Set<Follower>, visit: (follower: Follower) => void, done?: () => void): void {
  const rest = followers.values()
  const turn = (): void => {
    for (let count = 0; count < SLICE_SIZE; count++) {
      const next = rest.next()
      if (next.done) {
        done?.()
        return
      }
      visit(next.value)
    }
    setImmediate(turn)
  }
  turn()
}
