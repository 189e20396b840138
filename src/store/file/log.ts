/** Reads events and messages from the file store. Long reads are split into slices, so that they do not block the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LoggedEvent, LoggedMessage } from '../../chat/events.ts'
import type { ChatTag, PostKey } from '../../chat/ids.ts'
import {
  type EventsPage,
  JOIN_EVENT_BYTES,
  type MessagePage,
  type MessagesPage,
  type MessagesStart,
  type MessagesStartFound,
  type NewestMessages
} from '../../chat/store.ts'
import { COMMA, messageAsNow, messagesAsNow } from '../codec.ts'
import type { RetriedFaults } from '../retried-faults.ts'
import { RecordDamaged } from './checksums.ts'
import type { Disk, Entry } from './disk.ts'
import type { ChatRecord } from './records.ts'
import * as records from './records.ts'

/** Entries that are read before the event loop continues with other work. */
const ENTRIES_PER_TURN = 1000
const FINDING_IDLE = 'finding idle chats'

export class FileLog {
  readonly #disk: Disk
  readonly #faults: RetriedFaults

  constructor(disk: Disk, faults: RetriedFaults) {
    this.#disk = disk
    this.#faults = faults
  }

  /** `undefined` if `after` is not an event of this log, or if `allJoins` needs dropped events. */
  eventsAfter(
    tag: ChatTag,
    record: ChatRecord,
    after: number,
    { maxBytes, allJoins, upTo }: EventsPage
  ): LoggedEvent[] | undefined {
    if (!isKnownId(record, after, upTo) || (allJoins && after < record.newestForgotten)) return undefined
    const events: LoggedEvent[] = []
    let size = 0
    for (const event of this.#eventsBetween(tag, record, after, lastOf(record, upTo))) {
      size += event.type === 'message' ? Buffer.byteLength(event.json) : JOIN_EVENT_BYTES
      if (events.length > 0 && size > maxBytes) break
      events.push(event)
    }
    return events
  }

  /** `undefined` if `after` is not an event of this log. */
  messages(
    tag: ChatTag,
    record: ChatRecord,
    start: MessagesStart,
    { limit = Number.POSITIVE_INFINITY, upTo = record.lastEventId, maxBytes }: MessagesPage
  ): MessagePage | undefined {
    if ('after' in start && !isKnownId(record, start.after, upTo)) return undefined
    const after = 'after' in start ? start.after : start.from - 1
    const last = lastOf(record, upTo)
    const found: Entry[] = []
    let size = 0
    for (const entry of this.#rangesOf(records.messageRanges(tag, record, after, last))) {
      size += entry.value.length + 1
      if (found.length === limit || (found.length > 0 && size > maxBytes)) {
        return { json: joined(found), count: found.length, upTo: idOf(found.at(-1)), hasMore: true }
      }
      found.push(entry)
    }
    return { json: joined(found), count: found.length, upTo, hasMore: false }
  }

  /** Where the newest `count` messages begin. */
  newestMessages(tag: ChatTag, record: ChatRecord, { count, before, upTo }: NewestMessages): MessagesStartFound {
    const last = Math.min(lastOf(record, upTo), (before ?? Number.POSITIVE_INFINITY) - 1)
    let from = last + 1
    let seen = 0
    for (const range of records.messageRanges(tag, record, 0, last).reverse()) {
      for (const key of this.#disk.keysBackwards(...range, count + 1 - seen)) {
        if (++seen > count) return { from, hasOlder: true }
        from = records.idIn(key)
      }
    }
    return { from, hasOlder: false }
  }

  /** The message that was posted with this idempotency key. */
  posted(tag: ChatTag, key: PostKey): LoggedMessage | undefined {
    const found = this.#disk.get(records.postKeyKey(tag, key)) ?? this.#disk.get(records.OLD.postKeyKey(tag, key))
    if (found === undefined) return undefined
    const id = records.decodeNumber(found)
    const value = this.#disk.get(records.messageKey(tag, id)) ?? this.#disk.get(records.OLD.messageKey(tag, id))
    return value && { type: 'message', id, json: messageAsNow(value.toString()) }
  }

  /** The ids of the oldest stored events that can be forgotten. */
  oldestJoins(tag: ChatTag, record: ChatRecord, count: number): number[] {
    const ids: number[] = []
    if (count <= 0) return ids
    for (const range of records.joinRanges(tag, record, record.newestForgotten, record.lastEventId)) {
      for (const key of this.#disk.keysForwards(...range, count - ids.length)) ids.push(records.idIn(key))
      if (ids.length === count) break
    }
    return ids
  }

  /** A chat whose record is damaged is not among them, because nobody knows whether it is idle. */
  async idleChats(since: number, emptySince: number): Promise<ChatTag[]> {
    const idle: ChatTag[] = []
    let damage: RecordDamaged | undefined
    const isIdle = (tag: ChatTag, latest: number): boolean => {
      try {
        return this.#idleSince(tag) <= latest
      } catch (error) {
        if (!(error instanceof RecordDamaged)) throw error
        damage = error
        return false
      }
    }
    for (const isEmpty of [true, false]) {
      const latest = isEmpty ? emptySince : since
      const end = records.idleEnd(isEmpty, latest)
      let [start] = records.rangeOf(isEmpty ? 'x' : 'y')
      for (;;) {
        const keys = [...this.#disk.keysForwards(start, end, ENTRIES_PER_TURN)]
        idle.push(...keys.map(records.tagIn).filter((tag) => isIdle(tag, latest)))
        const last = keys.at(-1)
        if (last === undefined) break
        start = Buffer.concat([last, Buffer.alloc(1)])
        await nextTurn()
      }
    }
    if (damage === undefined) this.#faults.ended(FINDING_IDLE)
    else this.#faults.failed(FINDING_IDLE, damage)
    return idle
  }

  #idleSince(tag: ChatTag): number {
    const value = this.#disk.get(records.chatKey(tag))
    if (value !== undefined) return records.decodeRecord(value).idleSince
    const old = this.#disk.get(records.OLD.chatKey(tag))
    return old === undefined ? Number.POSITIVE_INFINITY : records.decodeRecord(old, true).idleSince
  }

  *#eventsBetween(
    tag: ChatTag,
    record: ChatRecord,
    after: number,
    upTo: number
  ): Generator<LoggedEvent, void, undefined> {
    const ranges = [
      records.messageRanges(tag, record, after, upTo),
      records.joinRanges(tag, record, after, upTo),
      [records.keptRange(tag, after, upTo)]
    ]
    for (const { key, value } of inOrder(ranges.map((some) => this.#rangesOf(some)))) {
      const id = records.idIn(key)
      if (records.isMessage(key)) yield { type: 'message', id, json: messageAsNow(value.toString()) }
      else yield records.decodeDoorEvent(id, value)
    }
  }

  *#rangesOf(ranges: readonly [start: Buffer, end: Buffer][]): Generator<Entry, void, undefined> {
    for (const range of ranges) yield* this.#disk.range(...range)
  }
}

/** The entries of several readers, by event id. */
function* inOrder(readers: readonly Generator<Entry, void, undefined>[]): Generator<Entry, void, undefined> {
  try {
    const next = readers.map((reader) => reader.next())
    for (;;) {
      let first: Entry | undefined
      for (const { value } of next) if (value && (first === undefined || idOf(value) < idOf(first))) first = value
      if (first === undefined) return
      yield first
      const index = next.findIndex(({ value }) => value === first)
      const reader = readers[index]
      if (reader !== undefined) next[index] = reader.next()
    }
  } finally {
    for (const reader of readers) reader.return()
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

/** `MessagePage.json` in a single part instead of thousands. */
function joined(entries: readonly Entry[]): Buffer[] {
  if (entries.length === 0) return []
  return [messagesAsNow(Buffer.concat(entries.flatMap(({ value }, index) => (index === 0 ? [value] : [COMMA, value]))))]
}
