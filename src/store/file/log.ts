/** Reads events and messages from the file store. Long reads are split into slices, so that they do not block the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LoggedEvent, LoggedJoinEvent, LoggedMessage } from '../../chat/events.ts'
import type { ChatTag, PostKey } from '../../chat/ids.ts'
import { type EventsPage, JOIN_EVENT_BYTES, type MessagePage, type MessagesPage } from '../../chat/store.ts'
import { escapeLineBreaks, escapeLineBreaksIn } from '../../wire/json.ts'
import { COMMA } from '../codec.ts'
import type { Disk, Entry } from './disk.ts'
import type { ChatRecord } from './records.ts'
import * as records from './records.ts'

/** Entries that are read before the event loop continues with other work. */
const ENTRIES_PER_TURN = 1000

export class FileLog {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** `undefined` if `after` is not an event of this log, or if `allJoins` needs dropped join events. */
  eventsAfter(
    tag: ChatTag,
    record: ChatRecord,
    after: number,
    { maxBytes, allJoins, upTo }: EventsPage
  ): LoggedEvent[] | undefined {
    if (!isKnownId(record, after, upTo) || (allJoins && after < record.newestForgotten)) return undefined
    const events: LoggedEvent[] = []
    let size = 0
    for (const event of this.#eventsBetween(tag, after, lastOf(record, upTo))) {
      size += event.type === 'message' ? Buffer.byteLength(event.json) : JOIN_EVENT_BYTES
      if (events.length > 0 && size > maxBytes) break
      events.push(event)
    }
    return events
  }

  /** `undefined` if `after` is not an event of this log. `exists` tells whether the chat was removed during the read. */
  async messagesAfter(
    tag: ChatTag,
    record: ChatRecord,
    after: number,
    { limit = Number.POSITIVE_INFINITY, upTo }: MessagesPage,
    exists: () => boolean
  ): Promise<MessagePage | 'gone' | undefined> {
    if (!isKnownId(record, after, upTo)) return undefined
    const end = records.messageKey(tag, lastOf(record, upTo) + 1)
    const entries: Entry[] = []
    for (;;) {
      const next = (entries.length === 0 ? after : idOf(entries.at(-1))) + 1
      // One more than `limit`, to know whether there are more.
      const count = Math.min(ENTRIES_PER_TURN, limit + 1 - entries.length)
      const slice = [...this.#disk.range(records.messageKey(tag, next), end, count)]
      entries.push(...slice)
      if (entries.length > limit) {
        entries.pop()
        return { json: joined(entries), upTo: idOf(entries.at(-1)), hasMore: true }
      }
      if (slice.length < count) return { json: joined(entries), upTo: upTo ?? record.lastEventId, hasMore: false }
      await nextTurn()
      if (!exists()) return 'gone'
    }
  }

  /** The message that was posted with this idempotency key. */
  posted(tag: ChatTag, key: PostKey): LoggedMessage | undefined {
    const found = this.#disk.get(records.postKeyKey(tag, key))
    if (found === undefined) return undefined
    const id = records.decodeNumber(found)
    const value = this.#disk.get(records.messageKey(tag, id))
    return value && { type: 'message', id, json: escapeLineBreaks(value.toString()) }
  }

  /** The ids of the oldest stored join events. */
  oldestJoins(tag: ChatTag, { newestForgotten, lastEventId }: ChatRecord, count: number): number[] {
    if (count <= 0) return []
    const [start, end] = [records.joinKey(tag, newestForgotten + 1), records.joinKey(tag, lastEventId + 1)]
    return Array.from(this.#disk.range(start, end, count), ({ key }) => records.idIn(key))
  }

  async idleChats(since: number, emptySince: number): Promise<ChatTag[]> {
    const idle: ChatTag[] = []
    for (const isEmpty of [true, false]) {
      const latest = isEmpty ? emptySince : since
      const end = records.idleEnd(isEmpty, latest)
      let [start] = records.rangeOf(isEmpty ? 'x' : 'y')
      for (;;) {
        const keys = Array.from(this.#disk.range(start, end, ENTRIES_PER_TURN), ({ key }) => key)
        idle.push(...keys.map(records.idleTagIn).filter((tag) => this.#idleSince(tag) <= latest))
        const last = keys.at(-1)
        if (last === undefined) break
        start = Buffer.concat([last, Buffer.alloc(1)])
        await nextTurn()
      }
    }
    return idle
  }

  #idleSince(tag: ChatTag): number {
    const value = this.#disk.get(records.chatKey(tag))
    return value === undefined ? Number.POSITIVE_INFINITY : records.decodeRecord(value).idleSince
  }

  *#eventsBetween(tag: ChatTag, after: number, upTo: number): Generator<LoggedEvent, void, undefined> {
    const joins = this.#joinsBetween(tag, after, upTo)
    try {
      let join = joins.next()
      const messages = this.#disk.range(records.messageKey(tag, after + 1), records.messageKey(tag, upTo + 1))
      for (const { key, value } of messages) {
        const id = records.idIn(key)
        for (; !join.done && join.value.id < id; join = joins.next()) yield join.value
        yield { type: 'message', id, json: escapeLineBreaks(value.toString()) }
      }
      for (; !join.done; join = joins.next()) yield join.value
    } finally {
      joins.return()
    }
  }

  *#joinsBetween(tag: ChatTag, after: number, upTo: number): Generator<LoggedJoinEvent, void, undefined> {
    for (const { key, value } of this.#disk.range(records.joinKey(tag, after + 1), records.joinKey(tag, upTo + 1))) {
      yield records.decodeJoin(records.idIn(key), value)
    }
  }
}

function isKnownId({ lastEventId }: ChatRecord, after: number, upTo = lastEventId): boolean {
  return Number.isInteger(after) && after >= 0 && after <= lastEventId && after <= upTo
}

/** The newest event that belongs to a page. */
function lastOf({ lastEventId }: ChatRecord, upTo = lastEventId): number {
  return Math.min(upTo, lastEventId)
}

function idOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : records.idIn(entry.key)
}

/** `MessagePage.json` in a single part instead of thousands. Messages of older versions can contain raw line breaks. */
function joined(entries: readonly Entry[]): Buffer[] {
  if (entries.length === 0) return []
  return [
    escapeLineBreaksIn(Buffer.concat(entries.flatMap(({ value }, index) => (index === 0 ? [value] : [COMMA, value]))))
  ]
}
