/** The chats in memory: those with writes in progress, and the most recently used ones that fit into MAX_CACHE_BYTES. */
import type { Door } from '../../chat/door.ts'
import type { LoggedMessage } from '../../chat/events.ts'
import type { ChatTag, PostKey } from '../../chat/ids.ts'
import { BYTES_PER_CHAT, MAX_CACHE_BYTES } from '../cache-limits.ts'
import { decodeDoor } from '../codec.ts'
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
    const chat: Chat = { durable, latest: durable, writes: 0, settled: Promise.resolve(), posts, size: 0 }
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
    const record = this.#disk.get(records.chatKey(tag))
    const door = this.#disk.get(records.doorKey(tag))
    if (record === undefined || door === undefined) return undefined
    return this.add(tag, { door: decodeDoor(door.toString()), record: records.decodeRecord(record) }, door.length)
  }
}
