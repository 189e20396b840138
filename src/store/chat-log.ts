/**
 * The log of one chat in memory: append-only bytes of message JSON that readers are given slices of. Messages are kept
 * for ever; of the join events the latest thousand, and those before leave no trace but a gap in the ids.
 */
import type { JoinEvent, LoggedEvent, LoggedJoinEvent, LoggedMessage } from '../chat/events.ts'
import { messageJson } from './message-json.ts'
import type { EventsPage, MessagePage, MessagesPage, NewMessage } from './store.ts'

const COMMA = 0x2c
const NOTHING = Buffer.alloc(0)
const FIRST_CAPACITY = 256
/** About what a join event takes on the wire. */
const JOIN_BYTES = 512
const JOINS_KEPT = 1000

/** Messages whose ids follow one another: the first of them is message number `index` and has this id. */
interface Run {
  readonly id: number
  readonly index: number
}

export class ChatLog {
  #lastEventId = 0
  /** Where the bytes ended once each message was logged. */
  readonly #ends: number[] = []
  /** The event ids of the messages. */
  readonly #runs: Run[] = []
  /** By id, oldest first. */
  readonly #joins = new Map<number, LoggedJoinEvent>()
  #newestForgotten = 0
  /** Every message's JSON followed by a comma. Bytes once written are never changed, so slices can be lent out. */
  #bytes: Buffer = NOTHING

  get lastEventId(): number {
    return this.#lastEventId
  }

  /** What the messages take, in bytes. */
  get messageBytes(): number {
    return this.#ends.at(-1) ?? 0
  }

  addJoin(event: JoinEvent): LoggedJoinEvent {
    const logged = { ...event, id: ++this.#lastEventId }
    this.#joins.set(logged.id, logged)
    if (this.#joins.size > JOINS_KEPT) {
      const [oldest = 0] = this.#joins.keys()
      this.#joins.delete(oldest)
      this.#newestForgotten = oldest
    }
    return logged
  }

  /** Logs a message, if all messages then take no more than `maxBytes`. */
  addMessage(message: NewMessage, maxBytes: number): LoggedMessage | undefined {
    const id = this.#lastEventId + 1
    const json = messageJson(id, message)
    const start = this.messageBytes
    const end = start + Buffer.byteLength(json) + 1
    if (end > maxBytes) return undefined
    this.#reserve(end)
    this.#bytes.write(json, start)
    this.#bytes[end - 1] = COMMA
    const last = this.#runs.at(-1)
    if (last === undefined || last.id + this.#ends.length - last.index !== id) {
      this.#runs.push({ id, index: this.#ends.length })
    }
    this.#ends.push(end)
    this.#lastEventId = id
    return { type: 'message', id, json }
  }

  /** `undefined` if `after` is not an event of this log, or what is asked for was forgotten. */
  eventsAfter(after: number, { maxBytes, allJoins, upTo = this.#lastEventId }: EventsPage): LoggedEvent[] | undefined {
    if (!this.#knows(after) || after > upTo || (allJoins && after < this.#newestForgotten)) return undefined
    const events: LoggedEvent[] = []
    let size = 0
    for (const event of this.#eventsFrom(after)) {
      size += event.type === 'message' ? Buffer.byteLength(event.json) : JOIN_BYTES
      if (event.id > upTo || (events.length > 0 && size > maxBytes)) break
      events.push(event)
    }
    return events
  }

  *#eventsFrom(after: number): Generator<LoggedEvent, void, undefined> {
    let index = this.#countUpTo(after)
    for (const join of this.#joins.values()) {
      if (join.id <= after) continue
      while (this.#idAt(index) < join.id) yield this.#messageAt(index++)
      yield join
    }
    while (index < this.#ends.length) yield this.#messageAt(index++)
  }

  /** `undefined` if `after` is not an event of this log. */
  messagesAfter(
    after: number,
    { limit = Number.POSITIVE_INFINITY, upTo = this.#lastEventId }: MessagesPage
  ): MessagePage | undefined {
    if (!this.#knows(after) || after > upTo) return undefined
    const first = this.#countUpTo(after)
    const all = this.#countUpTo(upTo)
    const end = Math.min(all, first + limit)
    const json = this.#bytes.subarray(this.#end(first - 1), Math.max(this.#end(first - 1), this.#end(end - 1) - 1))
    return end < all ? { json, upTo: this.#idAt(end - 1), hasMore: true } : { json, upTo, hasMore: false }
  }

  /** The JSON of the message that is this event. */
  messageJson(id: number): string {
    return this.#json(this.#countUpTo(id) - 1)
  }

  #knows(id: number): boolean {
    return Number.isInteger(id) && id >= 0 && id <= this.#lastEventId
  }

  #end(index: number): number {
    return this.#ends[index] ?? 0
  }

  #messageAt(index: number): LoggedMessage {
    return { type: 'message', id: this.#idAt(index), json: this.#json(index) }
  }

  #json(index: number): string {
    return this.#bytes.toString('utf8', this.#end(index - 1), this.#end(index) - 1)
  }

  /** How many messages there are up to the event `id`. */
  #countUpTo(id: number): number {
    const at = this.#lastRun(({ id: first }) => first <= id)
    const run = this.#runs[at]
    if (run === undefined) return 0
    return Math.min(run.index + id - run.id + 1, this.#runs[at + 1]?.index ?? this.#ends.length)
  }

  /** The event id of the message number `index`; infinite behind the last. */
  #idAt(index: number): number {
    if (index >= this.#ends.length) return Number.POSITIVE_INFINITY
    const run = this.#runs[this.#lastRun(({ index: first }) => first <= index)]
    return run === undefined ? Number.POSITIVE_INFINITY : run.id + index - run.index
  }

  /** Where the last run is that `begins` soon enough, by bisection; -1 if none does. */
  #lastRun(begins: (run: Run) => boolean): number {
    let low = -1
    let high = this.#runs.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      const run = this.#runs[middle]
      if (run !== undefined && begins(run)) low = middle
      else high = middle
    }
    return low
  }

  /** Grows by a quarter: what it wastes stays small, and slices lent out keep the old bytes alive while they need it. */
  #reserve(size: number): void {
    if (size <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(size, FIRST_CAPACITY, Math.ceil(this.#bytes.length * 1.25)))
    this.#bytes.copy(grown, 0, 0, this.messageBytes)
    this.#bytes = grown
  }
}
