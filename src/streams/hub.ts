/** The live streams and waits of this process: how many there are, and the channel of each chat that somebody follows. */
import { randomInt } from 'node:crypto'
import { type ChatTag, tagOf } from '../chat/ids.ts'
import type { WaitOptions } from '../chat/waiting.ts'
import { Channel, type ChannelOptions } from './channel.ts'
import { type ChatReader, ChatStream } from './chat-stream.ts'
import type { EventStream, Sink } from './event-stream.ts'
import type { ChatSource, Follower } from './follower.ts'
import { type GuestReader, GuestStream } from './guest-stream.ts'
import { OwnerPresence } from './presence.ts'
import { forEachInSlices } from './slices.ts'
import { StreamStats } from './stats.ts'
import { Waiter } from './waiter.ts'

export interface HubOptions extends ChannelOptions {
  readonly heartbeatMs: number
  /** Live bytes that may wait for one reader before it is cut off. */
  readonly maxBufferBytes: number
}

/** A thousand clients that lost their streams at the same moment must not come back at the same moment. */
const RECONNECT_MS = { min: 1000, max: 5000 }
/** How long a reader that does not read has to take its last bytes when the hub closes. */
const CLOSE_DEADLINE_MS = 1000

export class Hub {
  readonly stats = new StreamStats()
  readonly #options: HubOptions
  readonly #channels = new Map<ChatTag, Channel>()
  readonly #followers = new Set<Follower>()
  readonly #presence: OwnerPresence
  readonly #heartbeat: NodeJS.Timeout
  #closing = false

  constructor(options: HubOptions) {
    this.#options = options
    this.#presence = new OwnerPresence(options.store.presence, options.onFault)
    this.#heartbeat = setInterval(
      () => forEachInSlices(this.#followers, (follower) => follower.heartbeat()),
      options.heartbeatMs
    )
    this.#heartbeat.unref()
  }

  /** The number of chats that are followed in this process. */
  get chats(): number {
    return this.#channels.size
  }

  /** The number of open streams and waits, by kind. */
  countOpen(): Record<Follower['kind'], number> {
    const open = { chat: 0, guest: 0, wait: 0 }
    for (const { kind } of this.#followers) open[kind]++
    return open
  }

  /** Follows a chat as a member, until the socket closes. */
  openChatStream(socket: Sink, tag: ChatTag, reader: ChatReader): void {
    const stream = new ChatStream(socket, this.#options.maxBufferBytes, reader, this.stats)
    if (reader.isOwner && !this.#closing) stream.onClose(this.#presence.enter(tag))
    this.#run(tag, stream, (source) => stream.begin(source, reader))
  }

  /** Follows a guest's join request, until it is decided. */
  openGuestStream(socket: Sink, reader: GuestReader): void {
    const tag = tagOf(reader.chat)
    const isOwnerPresent = () => this.isOwnerPresent(tag)
    const stream = new GuestStream(socket, this.#options.maxBufferBytes, { ...reader, isOwnerPresent }, this.stats)
    this.#run(tag, stream, (source) => stream.begin(source))
  }

  /** Whether a stream of the owner's is open. See `OwnerPresence.isPresent`. */
  isOwnerPresent(tag: ChatTag): Promise<boolean> {
    return this.#presence.isPresent(tag)
  }

  /**
   * Calls `isDone` now and after each batch that `wakes` it, until it returns true, `seconds` have passed, `gone` is aborted
   * or the hub closes. A reset of the channel and the removal of the chat wake it always.
   * @throws what `isDone` throws
   */
  async wait(tag: ChatTag, { seconds, gone, wakes, isDone }: WaitOptions): Promise<void> {
    const waiter = new Waiter(wakes)
    const end = () => waiter.end()
    const timer = setTimeout(end, seconds * 1000)
    gone.addEventListener('abort', end)
    if (gone.aborted || this.#closing) end()
    const { channel, source } = this.#follow(tag, waiter)
    try {
      await waiter.waitUntil(async () => {
        await channel.latestAttempt
        return isDone(() => source.look())
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
    await this.#presence.close()
  }

  #run(tag: ChatTag, stream: EventStream, start: (source: ChatSource) => Promise<void>): void {
    if (this.#closing) {
      stream.end()
      return
    }
    this.stats.opened[stream.kind]++
    const { channel, source } = this.#follow(tag, stream)
    stream.open(randomInt(RECONNECT_MS.min, RECONNECT_MS.max + 1))
    channel.subscribed
      .then((subscription) => (subscription === 'gone' ? stream.chatRemoved() : start(source)))
      .catch((error: unknown) => {
        this.#options.onFault(error)
        stream.destroy()
      })
  }

  #follow(tag: ChatTag, follower: Follower) {
    const channel = this.#channelOf(tag)
    this.#followers.add(follower)
    const source = channel.add(follower)
    follower.onClose(() => {
      this.#followers.delete(follower)
      channel.delete(follower)
      if (!channel.isFollowed) this.#drop(channel)
    })
    return { channel, source }
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
