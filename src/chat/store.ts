/**
 * What the product asks of a store: it keeps doors and logs, commits both at once, and tells who watches. It knows
 * no rules and no HTTP. `test/store/contract.ts` is this page as a test; every store must pass it.
 *
 * All methods are asynchronous. Expected outcomes are values; a store throws only on faults, `StoreUnavailable` on those that
 * may pass. Nothing handed in or out
 * is ever changed afterwards by either side. Instants are milliseconds since the Unix epoch and come from the caller.
 * Event ids are whole numbers from 1; every event of a chat takes the next one, and no number is given twice.
 */
import type { Door } from './door.ts'
import type { JoinEvent, LoggedEvent, LoggedJoinEvent, LoggedMessage } from './events.ts'
import type { ChatTag, PostKey } from './ids.ts'

/** How many join events of a chat a log keeps: the latest ones. Messages are kept as long as the chat. */
export const JOIN_EVENTS_KEPT = 1000

export interface Store {
  /** A new chat, found by the tag of `door.chat`. `taken`: there is one already. `store-full`: there is no room. */
  create(door: Door): Promise<'created' | 'taken' | 'store-full'>

  /** A chat as it is now, never stale: door, version and last event id are of one moment. */
  load(tag: ChatTag): Promise<LoadedChat | undefined>

  /**
   * The chat as this process has seen it last, if it remembers: perhaps not what it is now. Good for what the store looks at
   * again anyway, as the `rights` of a post, and for nothing else; so it may permit but never refuse.
   */
  cached(tag: ChatTag): LoadedChat | undefined

  /**
   * Replaces the door and logs what happened at it at the instant `now`, both or neither. `conflict`: the door is no
   * longer of this version, so load it and decide again. Messages do not change the version.
   */
  commit(
    tag: ChatTag,
    version: number,
    door: Door,
    events: readonly JoinEvent[],
    now: number
  ): Promise<readonly LoggedJoinEvent[] | 'conflict' | 'gone'>

  /**
   * Logs one message. `conflict`: the door's `rights` are no longer those the permission to post was read from, so
   * somebody lost a right meanwhile. Posters never conflict with each other, nor with knocks and approvals.
   * `chat-full`, `store-full`: no room; nothing was logged. With a `key` that was logged before in this chat it logs
   * nothing and gives the first message, also to appends at the same moment, and whatever room there is.
   */
  append(
    tag: ChatTag,
    rights: number,
    message: NewMessage,
    key?: PostKey
  ): Promise<LoggedMessage | 'conflict' | 'chat-full' | 'store-full' | 'gone'>

  /**
   * The events after the event `after` (0: from the beginning) in order: as many as fit into about `maxBytes` on
   * the wire, but at least one if there is one. None means that `after` is the last. `cursor-unknown`: the log holds no
   * such event. Messages are kept for ever; of the join events a log may forget all but the latest thousand, and then
   * says `cursor-unknown` to who needs `allJoins` after an event from before those, and leaves them out for others.
   * A page goes no further than to the event `upTo`; `after` behind that is unknown.
   */
  events(tag: ChatTag, after: number, page: EventsPage): Promise<readonly LoggedEvent[] | 'cursor-unknown' | 'gone'>

  /** The messages after the event `after` (0: from the beginning) up to the event `upTo`, at most `limit` of them. */
  messages(tag: ChatTag, after: number, page?: MessagesPage): Promise<MessagePage | 'cursor-unknown' | 'gone'>

  /**
   * Tells `listener` of every event that is committed from the moment the promise resolves, each once, in id order,
   * by whomever it was committed, and then that the chat is gone, if it is removed. `reset`: what was told before may not
   * be in the log any more, or not all was told; what follows is told again in order. `gone`: there is no such chat. The
   * listener must not throw and must not call the store before it has returned.
   */
  watch(tag: ChatTag, listener: Listener): Promise<Unwatch | 'gone'>

  /**
   * Removes a chat and everything of it. With `lastEventId` only if that is still its last event. Says whether this call
   * has removed it.
   */
  remove(tag: ChatTag, lastEventId?: number): Promise<boolean>

  /**
   * The chats that are idle since `since` or longer, and those without any event that are so since `emptySince`; of a store
   * from which such chats go by themselves, those that are watched here.
   */
  idleChats(since: number, emptySince: number): Promise<readonly ChatTag[]>

  /**
   * Adds to a counter that all processes share and that ends so long after it was begun. Only stores that are shared
   * have counters.
   */
  readonly count?: (key: string, by: number, lifetimeMs: number) => Promise<{ total: number; endsInMs: number }>

  /** Resolves while the store can be reached, rejects otherwise. */
  ping(): Promise<void>

  /** Finishes what is under way. Nothing may be asked afterwards. */
  close(): Promise<void>
}

/**
 * What a store throws that cannot do its work at the moment: it is full, or cannot be reached. Nothing was done, as far
 * as the store can know, and it is worth trying again.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly why: 'full' | 'unreachable'

  constructor(why: StoreUnavailable['why'], options?: ErrorOptions) {
    super(`the store is ${why}`, options)
    this.why = why
  }
}

export interface LoadedChat {
  readonly door: Door
  /** Rises with every commit. */
  readonly version: number
  /** 0 while nothing has happened. */
  readonly lastEventId: number
  /** When the last event was logged, or when the chat was created. */
  readonly idleSince: number
}

/** What a join event counts towards `maxBytes`: about its size on the wire. */
export const JOIN_EVENT_BYTES = 512

export interface EventsPage {
  readonly maxBytes: number
  readonly allJoins: boolean
  readonly upTo?: number | undefined
}

export interface MessagesPage {
  readonly limit?: number | undefined
  readonly upTo?: number | undefined
}

export interface NewMessage {
  readonly text: string
  readonly createdAt: number
}

export interface MessagePage {
  /**
   * The JSON texts of the messages in UTF-8, with commas between them and no brackets around them: parts that belong
   * behind one another, none of them empty, and none for no message. They are never changed.
   */
  readonly json: readonly Uint8Array[]
  /** The event id up to which the page is complete: of its last message, or `upTo` or of the log if there are no more. */
  readonly upTo: number
  readonly hasMore: boolean
}

export type Listener = (told: readonly LoggedEvent[] | 'reset' | 'gone') => void

/** From its call on the listener is told nothing more. May be called again. */
export type Unwatch = () => void
