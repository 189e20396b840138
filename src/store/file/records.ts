/**
 * The file store's format, version 1: its keys and values. A key is a letter, the chat's tag and, for some, a number or a
 * text. Numbers are big-endian, so that keys sort like them. Every change here needs a new format version.
 */
import type { LoggedJoinEvent } from '../../chat/events.ts'
import { type ChatTag, chatTag, type PostKey, TAG_LENGTH } from '../../chat/ids.ts'

export const FORMAT = 1

const NUMBER_BYTES = 6

/** The state of a chat besides its door. Every message rewrites it, so it is small. */
export interface ChatRecord {
  readonly version: number
  readonly lastEventId: number
  readonly idleSince: number
  /** Size of the JSON of all messages, plus a byte for each as separator. */
  readonly messageBytes: number
  /** Number of stored join events. */
  readonly joins: number
  /** Id of the newest join event that was dropped; 0 for none. */
  readonly newestForgotten: number
}

export const chatKey = (tag: ChatTag): Buffer => key('c', tag)
export const doorKey = (tag: ChatTag): Buffer => key('d', tag)
export const messageKey = (tag: ChatTag, id: number): Buffer => key('m', tag, number(id))
export const joinKey = (tag: ChatTag, id: number): Buffer => key('j', tag, number(id))
/** Its value is the id of the message that was posted with this idempotency key. */
export const postKeyKey = (tag: ChatTag, post: PostKey): Buffer => key('p', tag, Buffer.from(post))
/** Marks a removed chat whose records have not all been deleted yet. */
export const removedKey = (tag: ChatTag): Buffer => key('r', tag)

/** Index of chats by the hour of their last event. Chats without events have their own range, because they expire sooner. */
export function idleKey(tag: ChatTag, { lastEventId, idleSince }: ChatRecord): Buffer {
  return Buffer.concat([idlePrefix(lastEventId === 0, idleSince), Buffer.from(tag)])
}

/** Whether both have the same key in the index of idle chats. */
export function hasSameIdleKey(one: ChatRecord, other: ChatRecord): boolean {
  return (one.lastEventId === 0) === (other.lastEventId === 0) && hourOf(one.idleSince) === hourOf(other.idleSince)
}

function hourOf(instant: number): number {
  return Math.max(0, Math.floor(instant / HOUR_MS))
}

function idlePrefix(isEmpty: boolean, idleSince: number): Buffer {
  return Buffer.concat([Buffer.from(isEmpty ? 'x' : 'y'), number(hourOf(idleSince))])
}

/** The end (exclusive) of the keys of all chats that can be idle since `instant` or earlier. */
export function idleEnd(isEmpty: boolean, instant: number): Buffer {
  return idlePrefix(isEmpty, instant + HOUR_MS)
}

const HOUR_MS = 3_600_000

/** The range of all keys of one kind; `end` is exclusive. */
export function rangeOf(kind: 'r' | 'x' | 'y'): [start: Buffer, end: Buffer] {
  return [Buffer.from(kind), Buffer.from(String.fromCharCode(kind.charCodeAt(0) + 1))]
}

/** The ranges of a chat's messages, join events and idempotency keys. */
export function partsOf(tag: ChatTag): [start: Buffer, end: Buffer][] {
  return (['m', 'j', 'p'] as const).map((kind) => [key(kind, tag), key(kind, tag, Buffer.of(0xff))])
}

/** The tag in a key of the index of idle chats. */
export function idleTagIn(key: Buffer): ChatTag {
  return chatTag(key.toString('latin1', key.length - TAG_LENGTH))
}

/** The tag in a key that marks a removed chat. */
export function removedTagIn(key: Buffer): ChatTag {
  return chatTag(key.toString('latin1', 1))
}

export function idIn(key: Buffer): number {
  return key.readUIntBE(1 + TAG_LENGTH, NUMBER_BYTES)
}

const RECORD_FIELDS = ['version', 'lastEventId', 'idleSince', 'messageBytes', 'joins', 'newestForgotten'] as const

export function encodeRecord(record: ChatRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_FIELDS.length * 8)
  let offset = 0
  for (const field of RECORD_FIELDS) offset = bytes.writeDoubleBE(record[field], offset)
  return bytes
}

export function decodeRecord(bytes: Buffer): ChatRecord {
  const [version = 0, lastEventId = 0, idleSince = 0, messageBytes = 0, joins = 0, newestForgotten = 0] =
    RECORD_FIELDS.map((_, index) => bytes.readDoubleBE(index * 8))
  return { version, lastEventId, idleSince, messageBytes, joins, newestForgotten }
}

export function encodeJoin({ id: _, ...event }: LoggedJoinEvent): Buffer {
  return Buffer.from(JSON.stringify(event))
}

export function decodeJoin(id: number, bytes: Buffer): LoggedJoinEvent {
  return { ...JSON.parse(bytes.toString()), id }
}

export function encodeNumber(value: number): Buffer {
  return number(value)
}

export function decodeNumber(bytes: Buffer): number {
  return bytes.readUIntBE(0, NUMBER_BYTES)
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(NUMBER_BYTES)
  bytes.writeUIntBE(value, 0, NUMBER_BYTES)
  return bytes
}

function key(kind: string, tag: ChatTag, rest?: Buffer): Buffer {
  const start = Buffer.from(kind + tag, 'latin1')
  return rest === undefined ? start : Buffer.concat([start, rest])
}
