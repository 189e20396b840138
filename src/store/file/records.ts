/**
 * The file store's format, version 2: its keys and values. A key is a letter, the chat's tag and, for some, a number or a
 * text; those of handovers have no tag. Numbers are big-endian, so that keys sort like them. Values under capital letters end in a checksum
 * (`checksums.ts`). Every change here needs a new format version.
 *
 * Version 1 kept a chat under small letters: its record, its door in one piece, its events. The first write to such a chat
 * stores record, head and requests as below; its events stay where they are.
 */
import { type DoorEvent, isForgettable, type Logged } from '../../chat/events.ts'
import { type ChatTag, chatTag, type HandoverId, type PostKey, TAG_LENGTH, type UserDigest } from '../../chat/ids.ts'
import type { Handover } from '../../chat/store.ts'

export const FORMAT = 2

const NUMBER_BYTES = 6

/** The state of a chat besides its door. Every message rewrites it, so it is small. */
export interface ChatRecord {
  readonly version: number
  readonly lastEventId: number
  readonly idleSince: number
  /** Size of the JSON of all messages, plus a byte for each as separator. */
  readonly messageBytes: number
  /** Number of stored events that can be forgotten, and all join events that version 1 has stored. */
  readonly joins: number
  /** Id of the newest of them that was dropped; 0 for none. */
  readonly newestForgotten: number
  /** See `Door`. */
  readonly rights: number
  /** Id of the last event that version 1 of the format has stored; 0 for none. */
  readonly lastOldEvent: number
  /** Number of stored events other than messages that are never forgotten. */
  readonly kept: number
}

export const chatKey = (tag: ChatTag): Buffer => key('C', tag)
/** The door without its requests. */
export const headKey = (tag: ChatTag): Buffer => key('H', tag)
export const requestKey = (tag: ChatTag, guest: UserDigest): Buffer => key('Q', tag, Buffer.from(guest))
export const messageKey = (tag: ChatTag, id: number): Buffer => key('M', tag, number(id))
/** An event that can be forgotten. */
const joinKey = (tag: ChatTag, id: number): Buffer => key('J', tag, number(id))
/** Any other event but a message. */
const keptKey = (tag: ChatTag, id: number): Buffer => key('K', tag, number(id))
/** Its value is the id of the message that was posted with this idempotency key. */
export const postKeyKey = (tag: ChatTag, post: PostKey): Buffer => key('P', tag, Buffer.from(post))

/** The keys of version 1. */
export const OLD = {
  chatKey: (tag: ChatTag): Buffer => key('c', tag),
  doorKey: (tag: ChatTag): Buffer => key('d', tag),
  messageKey: (tag: ChatTag, id: number): Buffer => key('m', tag, number(id)),
  joinKey: (tag: ChatTag, id: number): Buffer => key('j', tag, number(id)),
  postKeyKey: (tag: ChatTag, post: PostKey): Buffer => key('p', tag, Buffer.from(post))
}

/** The key of an event that can be forgotten. */
export function joinKeyOf(tag: ChatTag, { lastOldEvent }: ChatRecord, id: number): Buffer {
  return id <= lastOldEvent ? OLD.joinKey(tag, id) : joinKey(tag, id)
}

type Range = [start: Buffer, end: Buffer]
type EventKey = (tag: ChatTag, id: number) => Buffer

function rangesOf(oldKey: EventKey, newKey: EventKey) {
  return (tag: ChatTag, { lastOldEvent }: ChatRecord, after: number, upTo: number): Range[] => {
    const ranges: Range[] = []
    if (after < lastOldEvent) ranges.push([oldKey(tag, after + 1), oldKey(tag, Math.min(upTo, lastOldEvent) + 1)])
    if (upTo > lastOldEvent) ranges.push([newKey(tag, Math.max(after, lastOldEvent) + 1), newKey(tag, upTo + 1)])
    return ranges
  }
}

/** The ranges of the messages after one event and up to another, in order. */
export const messageRanges = rangesOf(OLD.messageKey, messageKey)

/** The same for the events that can be forgotten, and for the others. */
export const joinRanges = rangesOf(OLD.joinKey, joinKey)
export const keptRange = (tag: ChatTag, after: number, upTo: number): Range => [
  keptKey(tag, after + 1),
  keptKey(tag, upTo + 1)
]

/** Marks a removed chat whose records have not all been deleted yet. */
export const removedKey = (tag: ChatTag): Buffer => key('r', tag)

/** Its value is the instant at which it expires, then the text. */
export const handoverKey = (id: HandoverId): Buffer => Buffer.from(`S${id}`, 'latin1')

/** Index of handovers by that instant. */
export function handoverExpiryKey(id: HandoverId, expiresAt: number): Buffer {
  return Buffer.concat([handoverExpiryEnd(expiresAt), Buffer.from(id)])
}

/** The end (exclusive) of the index entries of the handovers that have expired before `now`. */
export function handoverExpiryEnd(now: number): Buffer {
  return Buffer.concat([Buffer.from('z'), number(now)])
}

/** Whether this key belongs to a handover and not to a chat. */
export function isHandover(key: Buffer): boolean {
  return HANDOVER_KINDS.has(kindIn(key))
}

/** The key of the handover that an entry of the index names. */
export function handoverKeyIn(indexKey: Buffer): Buffer {
  return Buffer.concat([Buffer.from('S'), indexKey.subarray(1 + NUMBER_BYTES)])
}

export function encodeHandover({ sealed, expiresAt }: Handover): Buffer {
  return Buffer.concat([number(expiresAt), Buffer.from(sealed)])
}

export function decodeHandover(bytes: Buffer): { expiresAt: number; sealed: string } {
  return { expiresAt: decodeNumber(bytes), sealed: bytes.toString('utf8', NUMBER_BYTES) }
}

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
const HANDOVER_KINDS: ReadonlySet<string> = new Set(['S', 'z'])
const IDLE_KINDS: ReadonlySet<string> = new Set(['x', 'y'])

/** The range of all keys. */
export const ALL: readonly [start: Buffer, end: Buffer] = [Buffer.of(0), Buffer.of(0xff)]

/** The range of all keys of one kind; `end` is exclusive. */
export function rangeOf(kind: 'r' | 'x' | 'y' | 'z'): [start: Buffer, end: Buffer] {
  return [Buffer.from(kind), Buffer.from(String.fromCharCode(kind.charCodeAt(0) + 1))]
}

/** The ranges of a chat's messages, other events, idempotency keys and requests, in both versions of the format. */
export function partsOf(tag: ChatTag): [start: Buffer, end: Buffer][] {
  return [...'mjpMJKP'].map((kind): [Buffer, Buffer] => rangeUnder(kind, tag)).concat([requestRange(tag)])
}

export function requestRange(tag: ChatTag): [start: Buffer, end: Buffer] {
  return rangeUnder('Q', tag)
}

function rangeUnder(kind: string, tag: ChatTag): [start: Buffer, end: Buffer] {
  return [key(kind, tag), key(kind, tag, Buffer.of(0xff))]
}

/** The tag in a key. */
export function tagIn(key: Buffer): ChatTag {
  const start = isIndex(key) ? key.length - TAG_LENGTH : 1
  return chatTag(key.toString('latin1', start, start + TAG_LENGTH))
}

/** Whether this is a key of the index of idle chats. Its value is empty. */
export function isIndex(key: Buffer): boolean {
  return IDLE_KINDS.has(kindIn(key))
}

/** The letter that a key begins with. */
export function kindIn(key: Buffer): string {
  return key.toString('latin1', 0, 1)
}

export function isMessage(key: Buffer): boolean {
  return kindIn(key).toUpperCase() === 'M'
}

export function idIn(key: Buffer): number {
  return key.readUIntBE(1 + TAG_LENGTH, NUMBER_BYTES)
}

const OLD_FIELDS = ['version', 'lastEventId', 'idleSince', 'messageBytes', 'joins', 'newestForgotten'] as const
const RECORD_FIELDS = [...OLD_FIELDS, 'rights', 'lastOldEvent', 'kept'] as const

/** The length of a record of version 1, and that of an event id under an idempotency key. */
export const OLD_RECORD_BYTES = OLD_FIELDS.length * 8
export const POST_VALUE_BYTES = NUMBER_BYTES

export function encodeRecord(record: ChatRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_FIELDS.length * 8)
  let offset = 0
  for (const field of RECORD_FIELDS) offset = bytes.writeDoubleBE(record[field], offset)
  return bytes
}

/** Of version 1: `rights` are part of the door. */
export function decodeRecord(bytes: Buffer, isOld = false): ChatRecord {
  const length = isOld ? OLD_FIELDS.length : Math.min(RECORD_FIELDS.length, bytes.length / 8)
  const fields = Array.from({ length }, (_, index) => bytes.readDoubleBE(index * 8))
  const [version = 0, lastEventId = 0, idleSince = 0, messageBytes = 0, joins = 0, newestForgotten = 0] = fields
  const [rights = 0, lastOldEvent = lastEventId, kept = 0] = fields.slice(OLD_FIELDS.length)
  return { version, lastEventId, idleSince, messageBytes, joins, newestForgotten, rights, lastOldEvent, kept }
}

export function doorEventRecord(tag: ChatTag, { id, ...event }: Logged<DoorEvent>): { key: Buffer; value: Buffer } {
  return { key: (isForgettable(event) ? joinKey : keptKey)(tag, id), value: Buffer.from(JSON.stringify(event)) }
}

export function decodeDoorEvent(id: number, bytes: Buffer): Logged<DoorEvent> {
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
