/** The chats in memory: those with writes in progress, and the most recently used ones that fit into MAX_CACHE_BYTES. */
import type { Door } from '../../chat/door.ts'
import type { LoggedMessage } from '../../chat/events.ts'
import type { ChatTag, PostKey } from '../../chat/ids.ts'
import { Requests } from '../../chat/requests.ts'
import { BYTES_PER_CHAT, doorBytes, MAX_CACHE_BYTES } from '../cache-limits.ts'
import { decodeHead, decodeRequest, decodeWholeDoor } from '../codec.ts'
import type { Disk } from './disk.ts'
import type { ChatRecord } from './records.ts'
import * as records from './records.ts'

export interface State {
  readonly door: Door
  readonly record: ChatRecord
}

export interface Chat {
  /** The state on the disk; undefined before the chat is created and after it is removed. */
  durable: State | undefined
  /** The state after all writes in progress. */
  latest: State | undefined
  /** Stored by version 1 of the format, as far as writes have been queued. The next write stores it anew. */
  isOld: boolean
  /** Writes in progress. A chat is not evicted while there are any. */
  writes: number
  /** Resolves when the latest write has succeeded or failed. */
  settled: Promise<unknown>
  /** Posts in progress that have an idempotency key. */
  readonly posts: Map<PostKey, Promise<LoggedMessage>>
  size: number
}

export class ChatCache {
  readonly #disk: Disk
  /** Least recently used first. */
  readonly #chats = new Map<ChatTag, Chat>()
  #bytes = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  find(tag: ChatTag): Chat | undefined {
    const chat = this.#chats.get(tag)
    if (chat === undefined) return this.#read(tag)
    this.#chats.delete(tag)
    this.#chats.set(tag, chat)
    return chat
  }

  add(tag: ChatTag, durable: State | undefined, doorBytes: number): Chat {
    const posts = new Map<PostKey, Promise<LoggedMessage>>()
    const chat: Chat = { durable, latest: durable, isOld: false, writes: 0, settled: Promise.resolve(), posts, size: 0 }
    this.#chats.set(tag, chat)
    this.resize(chat, doorBytes)
    return chat
  }

  resize(chat: Chat, doorBytes: number): void {
    const size = doorBytes + BYTES_PER_CHAT
    this.#bytes += size - chat.size
    chat.size = size
    if (this.#bytes <= MAX_CACHE_BYTES) return
    for (const [tag, other] of this.#chats) {
      if (other.writes === 0 && other !== chat) this.drop(tag, other)
      if (this.#bytes <= MAX_CACHE_BYTES) return
    }
  }

  drop(tag: ChatTag, chat: Chat): void {
    if (this.#chats.delete(tag)) this.#bytes -= chat.size
  }

  #read(tag: ChatTag): Chat | undefined {
    const value = this.#disk.get(records.chatKey(tag))
    const head = this.#disk.get(records.headKey(tag))
    if (value === undefined || head === undefined) return this.#readOld(tag)
    const record = records.decodeRecord(value)
    const requests = Array.from(this.#disk.range(...records.requestRange(tag)), (entry) =>
      decodeRequest(entry.value.toString())
    )
    const { rights } = record
    const door = { ...decodeHead(head.toString()), rights, requests: Requests.fromOrdered(requests) }
    return this.add(tag, { door, record }, doorBytes(door))
  }

  #readOld(tag: ChatTag): Chat | undefined {
    const value = this.#disk.get(records.OLD.chatKey(tag))
    const text = this.#disk.get(records.OLD.doorKey(tag))
    if (value === undefined || text === undefined) return undefined
    const door = decodeWholeDoor(text.toString())
    const record = { ...records.decodeRecord(value, true), rights: door.rights }
    const chat = this.add(tag, { door, record }, doorBytes(door))
    chat.isOld = true
    return chat
  }
}
