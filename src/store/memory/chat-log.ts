/**
 * The log of one chat in memory: append-only bytes of message JSON; readers get slices of them without a copy. It keeps
 * all events but the forgettable ones older than the latest `JOIN_EVENTS_KEPT`. Dropped events leave gaps in the ids.
 *
 * The bytes are stored in chunks, and no message spans two. A chunk that is full grows by copying until it has
 * CHUNK_CAPACITY; then a new one begins. So appending costs the same in short and long logs, and little space is wasted.
 */
import { type DoorEvent, isForgettable, type Logged, type LoggedEvent, type LoggedMessage } from '../../chat/events.ts'
import {
  type EventsPage,
  JOIN_EVENT_BYTES,
  JOIN_EVENTS_KEPT,
  type MessagePage,
  type MessagesPage,
  type MessagesStart,
  type MessagesStartFound,
  type NewestMessages,
  type NewMessage
} from '../../chat/store.ts'
import { messageJson } from '../codec.ts'

const COMMA_BYTE = 0x2c
/** Bytes of the first chunk of a log. */
const FIRST_CAPACITY = 256
/** Bytes up to which a chunk grows. */
const CHUNK_CAPACITY = 256 * 1024

/** Messages with consecutive ids. The first one is message number `index` and has this id. */
interface Run {
  readonly id: number
  readonly index: number
}

/** The JSON of messages, each followed by a comma. Written bytes never change, so slices can be shared. */
interface Chunk {
  /** Offset of its first byte in the log. */
  readonly start: number
  bytes: Buffer
}

export class ChatLog {
  #lastEventId = 0
  readonly #chunks: Chunk[] = []
  /** For each message the offset in the log after its comma. */
  readonly #ends: number[] = []
  /** The event ids of the messages. */
  readonly #runs: Run[] = []
  /** By id, oldest first. */
  readonly #doorEvents = new Map<number, Logged<DoorEvent>>()
  /** Ids, oldest first. */
  readonly #forgettable = new Set<number>()
  #newestForgotten = 0

  get lastEventId(): number {
    return this.#lastEventId
  }

  /** Bytes of all messages. */
  get messageBytes(): number {
    return this.#ends.at(-1) ?? 0
  }

  addDoorEvent(event: DoorEvent): Logged<DoorEvent> {
    const logged = { ...event, id: ++this.#lastEventId }
    this.#doorEvents.set(logged.id, logged)
    if (isForgettable(event)) this.#forgettable.add(logged.id)
    if (this.#forgettable.size > JOIN_EVENTS_KEPT) {
      const [oldest = 0] = this.#forgettable
      this.#forgettable.delete(oldest)
      this.#doorEvents.delete(oldest)
      this.#newestForgotten = oldest
    }
    return logged
  }

  /** Logs a message. Returns undefined if the log would then be larger than `maxBytes`. */
  addMessage(message: NewMessage, maxBytes: number): LoggedMessage | undefined {
    const id = this.#lastEventId + 1
    const json = messageJson(id, message)
    const start = this.messageBytes
    const end = start + Buffer.byteLength(json) + 1
    if (end > maxBytes) return undefined
    const chunk = this.#chunkFor(end - start)
    chunk.bytes.write(json, start - chunk.start)
    chunk.bytes[end - 1 - chunk.start] = COMMA_BYTE
    const last = this.#runs.at(-1)
    if (last === undefined || last.id + this.#ends.length - last.index !== id) {
      this.#runs.push({ id, index: this.#ends.length })
    }
    this.#ends.push(end)
    this.#lastEventId = id
    return { type: 'message', id, json }
  }

  /** `undefined` if `after` is not an event of this log, or if `allJoins` needs dropped events. */
  eventsAfter(after: number, { maxBytes, allJoins, upTo = this.#lastEventId }: EventsPage): LoggedEvent[] | undefined {
    if (!this.#knows(after) || after > upTo || (allJoins && after < this.#newestForgotten)) return undefined
    const events: LoggedEvent[] = []
    let size = 0
    for (const event of this.#eventsFrom(after)) {
      size += event.type === 'message' ? Buffer.byteLength(event.json) : JOIN_EVENT_BYTES
      if (event.id > upTo || (events.length > 0 && size > maxBytes)) break
      events.push(event)
    }
    return events
  }

  *#eventsFrom(after: number): Generator<LoggedEvent, void, undefined> {
    let index = this.#countUpTo(after)
    for (const event of this.#doorEvents.values()) {
      if (event.id <= after) continue
      while (this.#idAt(index) < event.id) yield this.#messageAt(index++)
      yield event
    }
    while (index < this.#ends.length) yield this.#messageAt(index++)
  }

  /** `undefined` if `after` is not an event of this log. */
  messages(
    start: MessagesStart,
    { limit = Number.POSITIVE_INFINITY, upTo = this.#lastEventId, maxBytes }: MessagesPage
  ): MessagePage | undefined {
    if ('after' in start && (!this.#knows(start.after) || start.after > upTo)) return undefined
    const first = this.#countUpTo('after' in start ? start.after : start.from - 1)
    const all = this.#countUpTo(upTo)
    const fitting = lastIndex(this.#ends, (end) => end - this.#end(first - 1) <= maxBytes) + 1
    const end = Math.min(all, first + limit, Math.max(fitting, first + 1))
    const json = first < end ? this.#slices(this.#end(first - 1), this.#end(end - 1) - 1) : []
    const count = Math.max(0, end - first)
    return end < all ? { json, count, upTo: this.#idAt(end - 1), hasMore: true } : { json, count, upTo, hasMore: false }
  }

  newestMessages({ count, before, upTo = this.#lastEventId }: NewestMessages): MessagesStartFound {
    const last = Math.min(upTo, (before ?? Number.POSITIVE_INFINITY) - 1)
    const end = this.#countUpTo(last)
    const first = Math.max(0, end - count)
    return { from: first < end ? this.#idAt(first) : last + 1, hasOlder: first > 0 }
  }

  /** The JSON of the message with this event id. */
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
    const from = this.#end(index - 1)
    const chunk = this.#chunks[lastIndex(this.#chunks, ({ start }) => start <= from)]
    return chunk?.bytes.toString('utf8', from - chunk.start, this.#end(index) - 1 - chunk.start) ?? ''
  }

  /** Number of messages up to the event `id`. */
  #countUpTo(id: number): number {
    const at = lastIndex(this.#runs, ({ id: first }) => first <= id)
    const run = this.#runs[at]
    if (run === undefined) return 0
    return Math.min(run.index + id - run.id + 1, this.#runs[at + 1]?.index ?? this.#ends.length)
  }

  /** The event id of message number `index`; infinite after the last message. */
  #idAt(index: number): number {
    if (index >= this.#ends.length) return Number.POSITIVE_INFINITY
    const run = this.#runs[lastIndex(this.#runs, ({ index: first }) => first <= index)]
    return run === undefined ? Number.POSITIVE_INFINITY : run.id + index - run.index
  }

  /** The bytes from offset `from` to offset `to`, one slice per chunk. */
  #slices(from: number, to: number): Buffer[] {
    const slices: Buffer[] = []
    let index = lastIndex(this.#chunks, ({ start }) => start <= from)
    for (let chunk = this.#chunks[index]; chunk !== undefined && chunk.start < to; chunk = this.#chunks[++index]) {
      const end = Math.min(to, this.#chunks[index + 1]?.start ?? to)
      slices.push(chunk.bytes.subarray(Math.max(0, from - chunk.start), end - chunk.start))
    }
    return slices
  }

  /** The last chunk, with room for `size` more bytes. It grows by a quarter, so that it wastes little. */
  #chunkFor(size: number): Chunk {
    const last = this.#chunks.at(-1)
    const used = this.messageBytes - (last?.start ?? 0)
    if (last === undefined || used + size > Math.max(last.bytes.length, CHUNK_CAPACITY)) {
      const least = last === undefined ? FIRST_CAPACITY : CHUNK_CAPACITY
      const chunk = { start: this.messageBytes, bytes: Buffer.allocUnsafeSlow(Math.max(size, least)) }
      this.#chunks.push(chunk)
      return chunk
    }
    if (used + size > last.bytes.length) {
      const capacity = Math.min(CHUNK_CAPACITY, Math.ceil(last.bytes.length * 1.25))
      const grown = Buffer.allocUnsafeSlow(Math.max(used + size, capacity))
      last.bytes.copy(grown, 0, 0, used)
      last.bytes = grown
    }
    return last
  }
}

/** The index of the last item that matches, by binary search: all items before it must match too. -1 if none does. */
function lastIndex<Item>(items: readonly Item[], matches: (item: Item) => boolean): number {
  let low = -1
  let high = items.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item !== undefined && matches(item)) low = middle
    else high = middle
  }
  return low
}
