/**
 * The chats that this process watches. Each channel message contains the id of the previous event. If that is not the
 * newest event known here, the missing events are read from the log. Messages that never arrive are found by comparing
 * positions (`position-checks.ts`). So all listeners get the same sequence, whichever process committed it.
 */
import type { LoggedEvent } from '../../chat/events.ts'
import type { ChatTag } from '../../chat/ids.ts'
import type { EventsPage, Listener, Unwatch } from '../../chat/store.ts'
import { RetriedFaults } from '../retried-faults.ts'
import { isRetryable } from './connection.ts'
import type { RedisLog } from './log.ts'
import { PositionChecks } from './position-checks.ts'
import { readChannelMessage } from './replies.ts'
import type { RedisServer } from './server.ts'
import { Subscriptions } from './subscriptions.ts'

const PAGE: EventsPage = { maxBytes: 262_144, allJoins: true }
/** After a failed attempt to read missing events. */
const RETRY_MS = 500
/** How long a channel message can take. If an event was found without one, the subscription is renewed. */
const CHANNEL_DELAY_MS = 1000
/** The name of the work in `RetriedFaults`. */
const CHECKING = 'checking positions'

interface WatchedChat {
  readonly listeners: Set<Listener>
  /** Resolves when the subscription works and the end of the log at that time is known. */
  readonly started: Promise<'watched' | 'gone'>
  /** The newest event that listeners were notified of, or the end of the log at the start. */
  newest: number
  idleSince: number
  /** The newest event that is known to exist. Infinity: unknown, so the log must be read again. */
  newestKnown: number
  /** The newest event that a channel message has announced, or that was read when the subscription was new. */
  newestAnnounced: number
  /** The subscription was renewed, so what was missed meanwhile does not mean that it is broken. */
  isRenewed: boolean
  /** While the log is being read, channel messages only update `newestKnown`. */
  isReading: boolean
}

export class WatchedChats {
  readonly #chats = new Map<ChatTag, WatchedChat>()
  readonly #subscriptions: Subscriptions
  readonly #positions: PositionChecks
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
        if (chat === undefined) return
        chat.isRenewed = true
        // What is being read now may have ended before the subscription worked.
        if (chat.isReading) chat.newestKnown = Number.POSITIVE_INFINITY
        this.#positions.checkSoon(tag)
      }
    })
    this.#positions = new PositionChecks((tag) => this.#checkPosition(tag))
    server.onReconnected(() => this.#positions.checkAllSoon())
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
    this.#positions.close()
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
      newestAnnounced: 0,
      isRenewed: false,
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
      chat.newestAnnounced = Math.max(chat.newestAnnounced, head.lastEventId)
      chat.isReading = false
      if (this.#chats.get(tag) === chat) this.#positions.add(tag)
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
    this.#positions.remove(tag)
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
    chat.newestAnnounced = Math.max(chat.newestAnnounced, last)
    if (chat.isReading) return
    // Even if the id seems to be known: after a failover ids start at the clock of the new server, which may be slow.
    if (message.before === chat.newest) this.#advance(chat, message.events, message.instant)
    else this.#catchUp(tag, chat)
  }

  /**
   * Compares the end of the log with what listeners were notified of. It finds whatever was missed, for whatever reason, and
   * that the chat is gone. Resolves to false if the check must be repeated soon.
   */
  async #checkPosition(tag: ChatTag): Promise<boolean> {
    const chat = this.#chats.get(tag)
    if (chat === undefined || chat.isReading) return true
    const { newest } = chat
    try {
      const head = await this.#log.head(tag)
      if (this.#chats.get(tag) !== chat) return true
      if (head === 'gone') this.onGone(tag)
      // Otherwise a channel message has overtaken the answer.
      else if (chat.newest === newest && head.lastEventId !== newest) this.#onMissed(tag, chat, head.lastEventId)
      chat.isRenewed = false
      this.#faults.ended(CHECKING)
      return true
    } catch (error) {
      this.#failed(CHECKING, error)
      return false
    }
  }

  #onMissed(tag: ChatTag, chat: WatchedChat, last: number): void {
    this.#catchUp(tag, chat)
    if (chat.isRenewed) return
    const renewUnlessAnnounced = (): void => {
      if (this.#chats.get(tag) === chat && chat.newestAnnounced < last) this.#subscriptions.renew(tag)
    }
    setTimeout(renewUnlessAnnounced, CHANNEL_DELAY_MS).unref()
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
  #failed(work: string, error: unknown): void {
    const isTransient = isRetryable(error)
    if (!isTransient || !this.#server.isLost) this.#faults.failed(work, error, isTransient)
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
