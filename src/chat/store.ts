/**
 * The store contract: a store keeps doors and logs, commits both atomically, and notifies listeners. It knows neither
 * the rules nor HTTP. `test/store/contract.ts` tests every sentence here; every store must pass it.
 *
 * Expected outcomes are return values. A store throws only on faults, and `StoreUnavailable` on transient ones. Neither side
 * changes an object after it was passed or returned. Instants are milliseconds since the Unix epoch and come from the
 * caller. Event ids are whole numbers from 1 that increase within a chat and are never reused.
 */
import type { Door, Sender } from './door.ts'
import type { DoorEvent, Logged, LoggedEvent, LoggedMessage } from './events.ts'
import type { ChatTag, HandoverId, PostKey } from './ids.ts'

/** How many events about guests who were not let in (`isForgettable`) a log keeps: the latest ones. It keeps all others. */
export const JOIN_EVENTS_KEPT = 1000

export interface Store {
  /** Creates a chat under the tag of `door.chat`. `taken`: the tag is in use. `store-full`: the store has no room. */
  create(door: Door): Promise<'created' | 'taken' | 'store-full'>

  /** The current chat, never stale: door, version and last event id are from the same moment. */
  load(tag: ChatTag): Promise<LoadedChat | undefined>

  /**
   * The chat as this process last saw it, if it is cached. It can be stale, so use it only to permit what the store
   * checks again, like the `rights` of a post, and never to refuse.
   */
  cached(tag: ChatTag): LoadedChat | undefined

  /**
   * Replaces the door and logs the events with the instant `now`, both or neither. `conflict`: the door no longer has
   * this version; load it and decide again. Messages do not change the version. `gone`, here and below: there is no such chat.
   * A store that is full refuses commits (`StoreUnavailable`), but it can keep room for withdrawals.
   */
  commit(
    tag: ChatTag,
    version: number,
    door: Door,
    events: readonly DoorEvent[],
    now: number,
    options?: CommitOptions
  ): Promise<readonly Logged<DoorEvent>[] | 'conflict' | 'gone'>

  /**
   * Logs one message. `conflict`: the door's `rights` differ from those that the permission to post was based on, so
   * somebody has lost a right since. Posts never conflict with each other, nor with knocks and approvals.
   * `chat-full`, `store-full`: no room; nothing was logged. If `key` was already used in this chat, nothing is logged and
   * the first message is returned, also to concurrent calls and even if there is no room.
   */
  append(
    tag: ChatTag,
    rights: number,
    message: NewMessage,
    key?: PostKey
  ): Promise<LoggedMessage | 'conflict' | 'chat-full' | 'store-full' | 'gone'>

  /**
   * The events after the event `after` (0: from the beginning), in order: as many as fit into about `maxBytes` on the
   * wire, but at least one if there is one. An empty page means that `after` is the last event. `cursor-unknown`: the log
   * has no such event. A log may drop forgettable events older than the latest `JOIN_EVENTS_KEPT`. If some
   * after `after` were dropped, the outcome is `cursor-unknown` with `allJoins`; without it they are left out.
   * A page ends at the event `upTo`; an `after` greater than `upTo` is unknown.
   */
  events(tag: ChatTag, after: number, page: EventsPage): Promise<readonly LoggedEvent[] | 'cursor-unknown' | 'gone'>

  /**
   * The messages from `start` to the event `upTo`, in order: at most `limit`, and as many as fit into about `maxBytes`, but at
   * least one if there is one. `cursor-unknown`: the log has no event `after`.
   */
  messages(tag: ChatTag, start: MessagesStart, page: MessagesPage): Promise<MessagePage | 'cursor-unknown' | 'gone'>

  /** Finds where the newest messages begin. The cost does not depend on how many older messages there are. */
  newestMessages(tag: ChatTag, newest: NewestMessages): Promise<MessagesStartFound | 'gone'>

  /**
   * Notifies `listener` of every event committed after the promise resolves, once each, in id order, whichever process
   * committed it, and with `gone` when the chat is removed. `reset`: events of earlier notifications may no longer be in the
   * log, or some were missed; later events are again complete and in order. The promise resolves to `gone` if there is
   * no such chat. The listener must not throw, and must not call the store before it has returned.
   */
  watch(tag: ChatTag, listener: Listener): Promise<Unwatch | 'gone'>

  /**
   * Removes a chat with everything in it; if `lastEventId` is given, only while that is its last event. A store with a clock
   * of its own removes nothing before its clock has reached `notBefore`. Returns whether this call removed it.
   */
  remove(tag: ChatTag, lastEventId?: number, notBefore?: number): Promise<boolean>

  /**
   * The chats that have been idle since `since` or earlier, and the chats without any event that have been idle since
   * `emptySince` or earlier. A store that expires chats by itself returns only those that this process watches.
   */
  idleChats(since: number, emptySince: number): Promise<readonly ChatTag[]>

  readonly handovers: HandoverStore

  /** Only shared stores have it. */
  readonly presence?: PresenceStore

  /**
   * Whether the clock can be trusted with removing chats that have been idle for too long. Until then they are kept, and
   * answered like removed ones. Only stores that rely on the clock of this process have it.
   */
  readonly canRemoveIdle?: () => boolean

  /**
   * Adds to a counter that all processes share. It expires `lifetimeMs` after its first use. Only shared stores have
   * counters.
   */
  readonly count?: (key: string, by: number, lifetimeMs: number) => Promise<{ total: number; endsInMs: number }>

  /**
   * How far the store's clock is ahead of `Date.now()`, in milliseconds, as far as it is known. Only stores with a clock of
   * their own have it; all processes use that clock, so that they agree on what has ended.
   */
  readonly clockSkewMs?: () => number

  /** Rejects if the store cannot be reached or cannot write, or if its clock and that of this process differ too much. */
  ping(): Promise<void>

  /** Waits for writes in progress. The store must not be used afterwards. */
  close(): Promise<void>
}

/** Short texts, each of which can be taken once. They belong to no chat. */
export interface HandoverStore {
  /** `store-full`: the store has no room. The id is a new one. */
  put(id: HandoverId, handover: Handover): Promise<'stored' | 'store-full'>

  /**
   * Removes the text and returns it: to one caller, whichever process it asks. `undefined` from `expiresAt` on, also if the text
   * has not been removed yet. A take that fails may have removed it. Possible where nothing else can be written.
   */
  take(id: HandoverId, now: number): Promise<string | undefined>

  /** Removes the texts that have expired. A store that expires them by itself need do nothing. */
  removeExpired(now: number): Promise<void>
}

/**
 * The chats whose owners have live streams, as the processes announce them. Nobody is notified of an announcement. It changes no
 * chat and does not keep one from being idle. The chat need not exist.
 */
export interface PresenceStore {
  /** For this process, for `forMs` by the clock of the store, or until it is retracted. Repeating it starts the time again. */
  announce(tag: ChatTag, forMs: number): Promise<void>

  /** Takes back what this process has announced, and nothing that others have. */
  retract(tag: ChatTag): Promise<void>

  /** Whether any process has announced the chat. */
  isAnnounced(tag: ChatTag): Promise<boolean>
}

export interface Handover {
  readonly sealed: string
  readonly createdAt: number
  readonly expiresAt: number
}

/**
 * Thrown when the store cannot work at the moment: it is full or unreachable. As far as the store can know nothing was
 * changed, and a retry can succeed.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly why: 'full' | 'unreachable'

  constructor(why: StoreUnavailable['why'], options?: ErrorOptions) {
    super(`the store is ${why}`, options)
    this.why = why
  }
}

export interface CommitOptions {
  /** The commit only takes rights away or ends requests, so it must be possible where nothing else can be written. */
  readonly isWithdrawal: boolean
}

export interface LoadedChat {
  readonly door: Door
  /** Increases with every commit. */
  readonly version: number
  /** 0 before the first event. */
  readonly lastEventId: number
  /** When the last event was logged, or when the chat was created. In stores with several writers it never goes back. */
  readonly idleSince: number
}

/** Loads a chat like `Store.load`. */
export type Look = () => Promise<LoadedChat | undefined>

/** What an event other than a message counts towards `maxBytes`: about its size on the wire. */
export const JOIN_EVENT_BYTES = 512

export interface EventsPage {
  readonly maxBytes: number
  /** Whether the reader needs the forgettable events, too. */
  readonly allJoins: boolean
  readonly upTo?: number | undefined
}

/** `after`: with the first message after this event, 0 for all. `from`: with this message or the first one after it. */
export type MessagesStart = { readonly after: number } | { readonly from: number }

export interface MessagesPage {
  readonly limit?: number | undefined
  readonly upTo?: number | undefined
  readonly maxBytes: number
}

export interface NewestMessages {
  readonly count: number
  /** Only messages before this event; need not be an event of the log. */
  readonly before?: number | undefined
  readonly upTo?: number | undefined
}

export interface MessagesStartFound {
  /** The id of the oldest of the messages, or where one would be if there is none. */
  readonly from: number
  readonly hasOlder: boolean
}

export interface NewMessage {
  readonly from: Sender
  readonly text: string
  readonly createdAt: number
}

export interface MessagePage {
  /**
   * The messages as JSON in UTF-8, separated by commas, without brackets. Concatenate the parts. No part is empty;
   * without messages there is none. The bytes are never changed.
   */
  readonly json: readonly Uint8Array[]
  readonly count: number
  /** The event id up to which the page is complete: its last message if there are more, else `upTo` or the end of the log. */
  readonly upTo: number
  readonly hasMore: boolean
}

export type Listener = (notification: readonly LoggedEvent[] | 'reset' | 'gone') => void

/** The listener is not called again after this returns. Can be called more than once. */
export type Unwatch = () => void
