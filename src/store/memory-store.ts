/**
 * The default store: everything in this process's memory. What it promises stands in `store.ts`. Links and join requests
 * count towards its limit but are never refused, since the rules bound those of each chat that wait.
 */
import type { Door } from '../chat/door.ts'
import type { LoggedEvent } from '../chat/events.ts'
import { type ChatTag, type PostKey, tagOf } from '../ids.ts'
import { ChatLog } from './chat-log.ts'
import type { Listener, Store } from './store.ts'

export interface MemoryStoreLimits {
  /** Bytes that the messages of one chat may take. */
  readonly maxChatBytes: number
  /** Bytes that all chats together may take. */
  readonly maxStoreBytes: number
}

/** What a chat takes besides its messages, in bytes: measured, and rounded up. */
const BYTES_PER_CHAT = 1536
const BYTES_PER_LINK = 512
const BYTES_PER_REQUEST = 1536
const BYTES_PER_KEY = 192

interface Chat {
  door: Door
  version: number
  readonly log: ChatLog
  readonly listeners: Set<Listener>
  /** The messages that were posted with a key; most chats have none. */
  keys?: Map<PostKey, number>
}

export function memoryStore({ maxChatBytes, maxStoreBytes }: MemoryStoreLimits): Store {
  const chats = new Map<ChatTag, Chat>()
  let bytes = 0

  function tell(chat: Chat, events: readonly LoggedEvent[]): void {
    for (const listener of chat.listeners) listener(events)
  }

  return {
    async create(door) {
      const tag = tagOf(door.chat)
      if (chats.has(tag)) return 'taken'
      const size = doorBytes(door)
      if (bytes + size > maxStoreBytes) return 'store-full'
      bytes += size
      chats.set(tag, { door, version: 1, log: new ChatLog(), listeners: new Set() })
      return 'created'
    },

    async load(tag) {
      const chat = chats.get(tag)
      return chat && { door: chat.door, version: chat.version, lastEventId: chat.log.lastEventId }
    },

    async commit(tag, version, door, events) {
      const chat = chats.get(tag)
      if (chat === undefined) return 'gone'
      if (chat.version !== version) return 'conflict'
      bytes += doorBytes(door) - doorBytes(chat.door)
      chat.door = door
      chat.version++
      const logged = events.map((event) => chat.log.addJoin(event))
      if (logged.length > 0) tell(chat, logged)
      return logged
    },

    async append(tag, rights, message, key) {
      const chat = chats.get(tag)
      if (chat === undefined) return 'gone'
      if (chat.door.rights !== rights) return 'conflict'
      const first = key && chat.keys?.get(key)
      if (first !== undefined) return { type: 'message', id: first, json: chat.log.messageJson(first) }
      const before = chat.log.messageBytes
      const room = maxStoreBytes - bytes
      const logged = chat.log.addMessage(message, Math.min(maxChatBytes, before + room))
      if (logged === undefined) return before + room < maxChatBytes ? 'store-full' : 'chat-full'
      bytes += chat.log.messageBytes - before
      if (key !== undefined) {
        chat.keys = (chat.keys ?? new Map()).set(key, logged.id)
        bytes += BYTES_PER_KEY
      }
      tell(chat, [logged])
      return logged
    },

    async events(tag, after, maxBytes) {
      const chat = chats.get(tag)
      return chat === undefined ? 'gone' : (chat.log.eventsAfter(after, maxBytes) ?? 'cursor-unknown')
    },

    async messages(tag, after, limit = Number.POSITIVE_INFINITY) {
      const chat = chats.get(tag)
      return chat === undefined ? 'gone' : (chat.log.messagesAfter(after, limit) ?? 'cursor-unknown')
    },

    async watch(tag, listener) {
      const listeners = chats.get(tag)?.listeners
      if (listeners === undefined) return 'gone'
      // A wrapper of its own, so that the same function may watch twice and each be told once.
      const own: Listener = (events) => listener(events)
      listeners.add(own)
      return () => void listeners.delete(own)
    },

    async ping() {}
  }
}

function doorBytes(door: Door): number {
  return BYTES_PER_CHAT + door.links.length * BYTES_PER_LINK + door.requests.size * BYTES_PER_REQUEST
}
