/** Checks all records of a store, without changing any. */
import type { ChatTag } from '../../chat/ids.ts'
import { decodeHead, decodeRequest, decodeWholeDoor } from '../codec.ts'
import { CHECKSUM_BYTES, checked, hasChecksum } from './checksums.ts'
import { removedChats } from './copy.ts'
import type { Entry } from './disk.ts'
import { lmdbSnapshot } from './lmdb-disk.ts'
import * as records from './records.ts'

/** What is wrong with a chat: parts that are damaged or missing, and how often. */
export type Damage = ReadonlyMap<Part | 'list of events', number>

export interface CheckResult {
  readonly chats: number
  readonly records: number
  /** Records of version 1 of the format. Their content can be damaged without a trace. */
  readonly withoutChecksum: number
  readonly damaged: ReadonlyMap<ChatTag, Damage>
  /** Records that belong to no chat. */
  readonly strays: number
  /** Why the file could not be read to its end. */
  readonly unreadable: string | undefined
}

type Part = keyof typeof PARTS

/** The letters of the keys. */
const PARTS = {
  state: 'Cc',
  door: 'Hd',
  'join request': 'Q',
  message: 'Mm',
  'door event': 'JjK',
  'idempotency key': 'Pp',
  'index entry': 'xy'
} as const

const PART_BY_KIND = new Map<string, Part>()
for (const part of Object.keys(PARTS).filter(isPart)) for (const kind of PARTS[part]) PART_BY_KIND.set(kind, part)

function isPart(name: string): name is Part {
  return name in PARTS
}

const DECODE: Readonly<Record<string, (value: Buffer, key: Buffer) => unknown>> = {
  C: (value) => records.decodeRecord(value),
  c: (value) => records.decodeRecord(value, true),
  H: (value) => decodeHead(value.toString()),
  d: (value) => decodeWholeDoor(value.toString()),
  Q: (value) => decodeRequest(value.toString()),
  M: (value) => JSON.parse(value.toString()),
  J: (value, key) => records.decodeDoorEvent(records.idIn(key), value),
  K: (value, key) => records.decodeDoorEvent(records.idIn(key), value),
  P: (value) => records.decodeNumber(value)
}

export async function checkRecords(folder: string): Promise<CheckResult> {
  const source = lmdbSnapshot(folder)
  const check = new Check()
  try {
    const removed = removedChats(source)
    for (const entry of source.entries(...records.ALL)) {
      const { key } = entry
      // A handover has ended before somebody could act on its damage.
      if (records.isHandover(key)) continue
      if (records.kindIn(key) !== 'r' && !removed.has(records.tagIn(key))) check.add(entry)
    }
    return check.result(undefined)
  } catch (error) {
    return check.result(error instanceof Error ? error.message : String(error))
  } finally {
    await source.close()
  }
}

/** What was found of a chat. */
interface Found {
  readonly kinds: Set<string>
  records: number
  readonly damage: Map<Part | 'list of events', number>
  state?: records.ChatRecord
  messageBytes: number
  doorEvents: number
}

class Check {
  readonly #chats = new Map<ChatTag, Found>()
  #records = 0
  #withoutChecksum = 0
  #strays = 0

  add({ key, value }: Entry): void {
    this.#records++
    const kind = records.kindIn(key)
    const part = PART_BY_KIND.get(kind)
    if (part === undefined) {
      this.#strays++
      return
    }
    const chat = this.#chat(records.tagIn(key))
    chat.kinds.add(kind)
    chat.records++
    if (!hasChecksum(key) && !records.isIndex(key)) this.#withoutChecksum++
    if (part === 'message') chat.messageBytes += value.length - (hasChecksum(key) ? CHECKSUM_BYTES : 0) + 1
    if (part === 'door event') chat.doorEvents++
    try {
      const content = checked(key, value)
      DECODE[kind]?.(content, key)
      if (part === 'state') chat.state = records.decodeRecord(content, kind === 'c')
    } catch {
      // RecordDamaged, or whatever decoding throws.
      count(chat.damage, part)
    }
  }

  result(unreadable: string | undefined): CheckResult {
    const damaged = new Map<ChatTag, Damage>()
    let chats = 0
    let strays = this.#strays
    for (const [tag, found] of this.#chats) {
      const isChat = [...PARTS.state, ...PARTS.door].some((kind) => found.kinds.has(kind))
      if (isChat) chats++
      else strays += found.records
      // What comes last in the file was not read.
      const damage = unreadable === undefined && isChat ? withMissing(found) : found.damage
      if (damage.size > 0) damaged.set(tag, damage)
    }
    return { chats, records: this.#records, withoutChecksum: this.#withoutChecksum, damaged, strays, unreadable }
  }

  #chat(tag: ChatTag): Found {
    const chat = this.#chats.get(tag) ?? {
      kinds: new Set(),
      records: 0,
      damage: new Map(),
      messageBytes: 0,
      doorEvents: 0
    }
    this.#chats.set(tag, chat)
    return chat
  }
}

/** The damage, with what should be there and is not. */
function withMissing({ kinds, damage, state: record, messageBytes, doorEvents }: Found): Damage {
  const all = new Map(damage)
  const [state, door] = kinds.has('C') || kinds.has('H') ? ['C', 'H'] : ['c', 'd']
  if (!kinds.has(state)) count(all, 'state')
  if (!kinds.has(door)) count(all, 'door')
  if (!kinds.has('x') && !kinds.has('y')) count(all, 'index entry')
  if (record !== undefined && (record.joins + record.kept !== doorEvents || record.messageBytes !== messageBytes)) {
    count(all, 'list of events')
  }
  return all
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
