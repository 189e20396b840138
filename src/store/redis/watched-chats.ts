/**
 * The chats that are watched in this process. What happens in them is told on their channels with the id of the event
 * before; where that is not the newest one told, or the connection was lost, what is missing is read from the log. So all
 * who watch hear one sequence, wherever it was committed.
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
/** When reading what is missing is tried again that has failed. */
const RETRY_MS = 500

interface WatchedChat {
  readonly listeners: Set<Listener>
  /** Resolves when it is known where the log ended, and all from then on is heard. */
  readonly started: Promise<'watched' | 'gone'>
  /** The newest event that was told, or was there at the start. */
  newest: number
  idleSince: number
  /** The newest event that is known to be there. */
  heard: number
  /** Whether something is being read, so that what is heard has to wait. */
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
      onMessage: (tag, text) => this.#hear(tag, text),
      onRenewed: (tag) => {
        const chat = this.#chats.get(tag)
        if (chat !== undefined) this.#catchUp(tag, chat)
      }
    })
  }

  async watch(tag: ChatTag, listener: Listener): Promise<Unwatch | 'gone'> {
    const chat = this.#chats.get(tag) ?? this.#start(tag)
    // A wrapper of its own, so that the same function may watch twice and each be told once.
    const own: Listener = (told) => listener(told)
    const unwatch = (): void => {
      chat.listeners.delete(own)
      if (chat.listeners.size === 0) this.#drop(tag, chat)
    }
    // Before it is known where the log ends nothing is told.
    chat.listeners.add(own)
    try {
      if ((await chat.started) === 'gone') return 'gone'
      return unwatch
    } catch (error) {
      unwatch()
      throw error
    }
  }

  /** The watched chats that are idle since `since` or longer, and those without any event that are so since `emptySince`. */
  idle(since: number, emptySince: number): ChatTag[] {
    return [...this.#chats]
      .filter(([, { newest, idleSince }]) => idleSince <= (newest === 0 ? emptySince : since))
      .map(([tag]) => tag)
  }

  /** A chat was found not to be there: it has gone by itself, or was lost. */
  gone(tag: ChatTag): void {
    const chat = this.#chats.get(tag)
    if (chat === undefined) return
    this.#drop(tag, chat)
    this.#tell(chat, 'gone')
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
      heard: 0,
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
      if (chat.heard > chat.newest) this.#catchUp(tag, chat)
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

  #hear(tag: ChatTag, text: string): void {
    const chat = this.#chats.get(tag)
    if (chat === undefined) return
    const news = readChannelMessage(text)
    if (news === undefined) {
      this.#catchUp(tag, chat)
      return
    }
    if (news === 'gone') {
      this.gone(tag)
      return
    }
    const last = news.events.at(-1)?.id ?? 0
    chat.heard = Math.max(chat.heard, last)
    if (chat.isReading) return
    // Also if it seems to be known: the clock of a server that has taken over may be behind.
    if (news.before === chat.newest) this.#told(chat, news.events, news.instant)
    else this.#catchUp(tag, chat)
  }

  /** Reads and tells what is missing. */
  async #catchUp(tag: ChatTag, chat: WatchedChat): Promise<void> {
    if (chat.isReading) {
      chat.heard = Number.POSITIVE_INFINITY
      return
    }
    chat.isReading = true
    try {
      await this.#readMissing(tag, chat)
      chat.isReading = false
      this.#faults.ended(tag)
    } catch (error) {
      // Of a chat that is not watched any more nothing is read again.
      if (this.#chats.get(tag) === chat) this.#failed(tag, error)
      setTimeout(() => {
        chat.isReading = false
        if (this.#chats.get(tag) === chat) this.#catchUp(tag, chat)
      }, RETRY_MS).unref()
    }
  }

  /** While the server itself is known to be lost, it is no news that nothing can be read. */
  #failed(tag: ChatTag, error: unknown): void {
    const isTransient = isRetryable(error)
    if (!isTransient || !this.#server.isLost) this.#faults.failed(tag, error, isTransient)
  }

  async #readMissing(tag: ChatTag, chat: WatchedChat): Promise<void> {
    do {
      chat.heard = 0
      const events = await this.#log.events(tag, chat.newest, PAGE)
      if (this.#chats.get(tag) !== chat) return
      const head = await this.#log.head(tag)
      if (this.#chats.get(tag) !== chat) return
      if (events === 'gone' || head === 'gone') {
        this.gone(tag)
        return
      }
      if (events === 'cursor-unknown') {
        chat.newest = head.lastEventId
        chat.idleSince = head.idleSince
        this.#tell(chat, 'reset')
      } else if (events.length > 0) this.#told(chat, events, head.idleSince)
      chat.heard = Math.max(chat.heard, head.lastEventId)
    } while (chat.heard > chat.newest)
  }

  #told(chat: WatchedChat, events: readonly LoggedEvent[], instant: number): void {
    chat.newest = events.at(-1)?.id ?? chat.newest
    chat.idleSince = instant
    this.#tell(chat, events)
  }

  #tell(chat: WatchedChat, told: readonly LoggedEvent[] | 'reset' | 'gone'): void {
    for (const listener of chat.listeners) {
      try {
        listener(told)
      } catch (error) {
        // A fault of the product. The others are told all the same, and the connection that told us is not lost by it.
        this.#server.hooks.onFault(error)
      }
    }
  }
}
