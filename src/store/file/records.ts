/**
 * The file store's format, version 1: what stands under which key. A key is a letter, the tag of the chat and, for some,
 * a number or a text; numbers are big-endian so that keys sort as they do. Whatever changes here needs a new version.
 */
import type { LoggedJoinEvent } from '../../chat/events.ts'
import { type ChatTag, chatTag, type PostKey, TAG_LENGTH } from '../../chat/ids.ts'

export const FORMAT = 1

const NUMBER_BYTES = 6

/** What a chat is besides its door: small, since every message rewrites it. */
export interface ChatRecord {
  readonly version: number
  readonly lastEventId: number
  readonly idleSince: number
  /** JSON of all messages, with a byte for each between them. */
  readonly messageBytes: number
  /** Join events that are kept. */
  readonly joins: number
  /** The newest join event that is not kept any more; 0 for none. */
  readonly newestForgotten: number
}

export const chatKey = (tag: ChatTag): Buffer => key('c', tag)
export const doorKey = (tag: ChatTag): Buffer => key('d', tag)
export const messageKey = (tag: ChatTag, id: number): Buffer => key('m', tag, number(id))
export const joinKey = (tag: ChatTag, id: number): Buffer => key('j', tag, number(id))
/** Under it stands the id of the message that was posted with an idempotency key. */
export const postKeyKey = (tag: ChatTag, post: PostKey): Buffer => key('p', tag, Buffer.from(post))
/** Marks a chat that is gone, but of which something is still there. */
export const removedKey = (tag: ChatTag): Buffer => key('r', tag)

/** Chats by the hour since when they are idle: those without events by themselves, since they end sooner. */
export function idleKey(tag: ChatTag, { lastEventId, idleSince }: ChatRecord): Buffer {
  return Buffer.concat([idlePrefix(lastEventId === 0, idleSince), Buffer.from(tag)])
}

/** Whether both stand under the same key. */
export function isSameIdle(one: ChatRecord, other: ChatRecord): boolean {
  return (one.lastEventId === 0) === (other.lastEventId === 0) && hourOf(one.idleSince) === hourOf(other.idleSince)
}

function hourOf(instant: number): number {
  return Math.max(0, Math.floor(instant / HOUR_MS))
}

function idlePrefix(isEmpty: boolean, idleSince: number): Buffer {
  return Buffer.concat([Buffer.from(isEmpty ? 'x' : 'y'), number(hourOf(idleSince))])
}

/** Behind the keys of all chats of which some may be idle since `instant` or longer. */
export function idleEnd(isEmpty: boolean, instant: number): Buffer {
  return idlePrefix(isEmpty, instant + HOUR_MS)
}

const HOUR_MS = 3_600_000

/** All keys of one kind: from the first to the second, without the second. */
export function all(kind: 'r' | 'x' | 'y'): [start: Buffer, end: Buffer] {
  return [Buffer.from(kind), Buffer.from(String.fromCharCode(kind.charCodeAt(0) + 1))]
}

/** What is deleted with a chat, besides what stands under its tag alone. */
export function partsOf(tag: ChatTag): [start: Buffer, end: Buffer][] {
  return (['m', 'j', 'p'] as const).map((kind) => [key(kind, tag), key(kind, tag, Buffer.of(0xff))])
}

/** The tag in a key under which an idle chat stands. */
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
