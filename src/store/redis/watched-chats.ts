/**
 * The chats that this process watches. Each channel message contains the id of the previous event. If that is not the
 * newest event known here, or after a lost connection, the missing events are read from the log. So all listeners
 * get the same sequence, whichever process committed it.
 */
import type { LoggedEvent } from '../../chat/events.ts'
import type { ChatTag } from '../../chat/ids.ts'
import type { EventsPage, Listener, Unwatch } from '../../chat/store.ts'
import { RetriedFaults } from '../retried-faults.ts'
import type { RedisLog } from './log.ts'
import { readChannelMessage } from './replies.ts'
import { isRetryable, type RedisServer } from './server.ts'
import { Subscriptions } from './subscriptions.ts'

const PAGE: EventsPage = { maxBytes: 262_144, allJoins: true }
/** After a failed attempt to read missing events. */
const RETRY_MS = 500

interface WatchedChat {
  readonly listeners: Set<Listener>
  /** Resolves when the subscription works and the end of the log at that time is known. */
  readonly started: Promise<'watched' | 'gone'>
  /** The newest event that listeners were notified of, or the end of the log at the start. */
  newest: number
  idleSince: number
  /** The newest event that is known to exist. Infinity: unknown, so the log must be read again. */
  newestKnown: number
  /** While the log is being read, channel messages only update `newestKnown`. */
  isReading: boolean
}

export class WatchedChats {
  readonly #chats = new Map<ChatTag, WatchedChat>()
  readonly #subscriptions: Subscriptions
  readonly #server: RedisServer
  readonly #log: RedisLog
  readonly #faults: RetriedFaults

  constructor(server: RedisServer, log: RedisLog) {
    this.#log = log
    this.#server = server
    this.#faults = new RetriedFaults(server.hooks)
    this.#subscriptions = new Subscriptions(server, {
      onMessage: (tag, text) => this.#onMessage(tag, text),
      onRenewed: (tag) => {
        const chat = this.#chats.get(tag)
        if (chat !== undefined) this.#catchUp(tag, chat)
      }
    })
  }

  async watch(tag: ChatTag, listener: Listener): Promise<Unwatch | 'gone'> {
    const chat = this.#chats.get(tag) ?? this.#start(tag)
    // A wrapper, because the same function can be registered twice and must then be called twice.
    const wrapper: Listener = (notification) => listener(notification)
    const unwatch = (): void => {
      chat.listeners.delete(wrapper)
      if (chat.listeners.size === 0) this.#drop(tag, chat)
    }
    // Registered early: nothing is notified before `started` has resolved.
    chat.listeners.add(wrapper)
    try {
      if ((await chat.started) === 'gone') return 'gone'
      return unwatch
    } catch (error) {
      unwatch()
      throw error
    }
  }

  /** See `Store.idleChats`. */
  idle(since: number, emptySince: number): ChatTag[] {
    return [...this.#chats]
      .filter(([, { newest, idleSince }]) => idleSince <= (newest === 0 ? emptySince : since))
      .map(([tag]) => tag)
  }

  /** The chat no longer exists in Redis: it was removed, has expired, or was lost. */
  onGone(tag: ChatTag): void {
    const chat = this.#chats.get(tag)
    if (chat === undefined) return
    this.#drop(tag, chat)
    this.#notify(chat, 'gone')
  }

  close(): void {
    this.#subscriptions.close()
    this.#chats.clear()
  }

  #start(tag: ChatTag): WatchedChat {
    const chat: WatchedChat = {
      listeners: new Set(),
      started: Promise.resolve().then(() => this.#begin(tag, chat)),
      newest: 0,
      idleSince: Number.POSITIVE_INFINITY,
      newestKnown: 0,
      isReading: true
    }
    this.#chats.set(tag, chat)
    return chat
  }

  async #begin(tag: ChatTag, chat: WatchedChat): Promise<'watched' | 'gone'> {
    try {
      await this.#subscriptions.add(tag)
      const head = await this.#log.head(tag)
      if (head === 'gone') {
        this.#drop(tag, chat)
        return 'gone'
      }
      chat.newest = head.lastEventId
      chat.idleSince = head.idleSince
      chat.isReading = false
      if (chat.newestKnown > chat.newest) this.#catchUp(tag, chat)
      return 'watched'
    } catch (error) {
      this.#drop(tag, chat)
      throw error
    }
  }

  #drop(tag: ChatTag, chat: WatchedChat): void {
    if (this.#chats.get(tag) !== chat) return
    this.#chats.delete(tag)
    this.#faults.ended(tag)
    this.#subscriptions.remove(tag)
  }

  #onMessage(tag: ChatTag, text: string): void {
    const chat = this.#chats.get(tag)
    if (chat === undefined) return
    const message = readChannelMessage(text)
    if (message === undefined) {
      this.#catchUp(tag, chat)
      return
    }
    if (message === 'gone') {
      this.onGone(tag)
      return
    }
    const last = message.events.at(-1)?.id ?? 0
    chat.newestKnown = Math.max(chat.newestKnown, last)
    if (chat.isReading) return
    // Even if the id seems to be known: after a failover ids start at the clock of the new server, which may be slow.
    if (message.before === chat.newest) this.#advance(chat, message.events, message.instant)
    else this.#catchUp(tag, chat)
  }

  /** Reads missing events and notifies the listeners of them. */
  async #catchUp(tag: ChatTag, chat: WatchedChat): Promise<void> {
    if (chat.isReading) {
      chat.newestKnown = Number.POSITIVE_INFINITY
      return
    }
    chat.isReading = true
    try {
      await this.#readMissing(tag, chat)
      chat.isReading = false
      this.#faults.ended(tag)
    } catch (error) {
      // A chat that is no longer watched is not retried.
      if (this.#chats.get(tag) === chat) this.#failed(tag, error)
      setTimeout(() => {
        chat.isReading = false
        if (this.#chats.get(tag) === chat) this.#catchUp(tag, chat)
      }, RETRY_MS).unref()
    }
  }

  /** Failed reads are not reported while the server itself is reported as lost. */
  #failed(tag: ChatTag, error: unknown): void {
    const isTransient = isRetryable(error)
    if (!isTransient || !this.#server.isLost) this.#faults.failed(tag, error, isTransient)
  }

  async #readMissing(tag: ChatTag, chat: WatchedChat): Promise<void> {
    do {
      chat.newestKnown = 0
      const events = await this.#log.events(tag, chat.newest, PAGE)
      if (this.#chats.get(tag) !== chat) return
      const head = await this.#log.head(tag)
      if (this.#chats.get(tag) !== chat) return
      if (events === 'gone' || head === 'gone') {
        this.onGone(tag)
        return
      }
      if (events === 'cursor-unknown') {
        chat.newest = head.lastEventId
        chat.idleSince = head.idleSince
        this.#notify(chat, 'reset')
      } else if (events.length > 0) this.#advance(chat, events, head.idleSince)
      chat.newestKnown = Math.max(chat.newestKnown, head.lastEventId)
    } while (chat.newestKnown > chat.newest)
  }

  #advance(chat: WatchedChat, events: readonly LoggedEvent[], instant: number): void {
    chat.newest = events.at(-1)?.id ?? chat.newest
    chat.idleSince = instant
    this.#notify(chat, events)
  }

  #notify(chat: WatchedChat, notification: readonly LoggedEvent[] | 'reset' | 'gone'): void {
    for (const listener of chat.listeners) {
      try {
        listener(notification)
      } catch (error) {
        // A bug in Silly Chat. It must affect neither the other listeners nor the connection that delivered the message.
        this.#server.hooks.onFault(error)
      }
    }
  }
}
