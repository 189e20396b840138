/**
 * The default store: everything in the memory of this process. Links and join requests count towards `maxStoreBytes` but
 * are never refused, because the rules already limit open links and pending requests per chat.
 */
import type { Door } from '../../chat/door.ts'
import type { LoggedEvent } from '../../chat/events.ts'
import { type ChatTag, type PostKey, tagOf } from '../../chat/ids.ts'
import type { Listener, LoadedChat, Store } from '../../chat/store.ts'
import { ChatLog } from './chat-log.ts'
import { memoryHandovers } from './handovers.ts'

export interface MemoryStoreLimits {
  /** Limit for the messages of one chat, in bytes. */
  readonly maxChatBytes: number
  /** Limit for all chats and handovers together, in bytes. */
  readonly maxStoreBytes: number
}

/** Memory of a chat besides its messages: measured and rounded up. */
const BYTES_PER_CHAT = 1536
const BYTES_PER_LINK = 512
const BYTES_PER_REQUEST = 1536
const BYTES_PER_KEY = 192
/** Chats that are checked before the event loop continues with other work. */
const CHATS_PER_TURN = 5000

interface Chat {
  door: Door
  version: number
  idleSince: number
  readonly log: ChatLog
  readonly listeners: Set<Listener>
  /** Message ids by idempotency key. Undefined until the first one, because most chats have none. */
  keys?: Map<PostKey, number>
}

export function memoryStore({ maxChatBytes, maxStoreBytes }: MemoryStoreLimits): Store {
  const chats = new Map<ChatTag, Chat>()
  let bytes = 0

  function notify(chat: Chat, notification: readonly LoggedEvent[] | 'gone'): void {
    for (const listener of chat.listeners) listener(notification)
  }

  function find(tag: ChatTag): LoadedChat | undefined {
    const chat = chats.get(tag)
    if (chat === undefined) return undefined
    const { door, version, log, idleSince } = chat
    return { door, version, lastEventId: log.lastEventId, idleSince }
  }

  return {
    async create(door) {
      const tag = tagOf(door.chat)
      if (chats.has(tag)) return 'taken'
      const size = doorBytes(door)
      if (bytes + size > maxStoreBytes) return 'store-full'
      bytes += size
      chats.set(tag, { door, version: 1, idleSince: door.createdAt, log: new ChatLog(), listeners: new Set() })
      return 'created'
    },

    load: async (tag) => find(tag),

    cached: find,

    async commit(tag, version, door, events, now) {
      const chat = chats.get(tag)
      if (chat === undefined) return 'gone'
      if (chat.version !== version) return 'conflict'
      bytes += doorBytes(door) - doorBytes(chat.door)
      chat.door = door
      chat.version++
      const logged = events.map((event) => chat.log.addDoorEvent(event))
      if (logged.length > 0) {
        chat.idleSince = now
        notify(chat, logged)
      }
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
      chat.idleSince = message.createdAt
      if (key !== undefined) {
        chat.keys = (chat.keys ?? new Map()).set(key, logged.id)
        bytes += BYTES_PER_KEY
      }
      notify(chat, [logged])
      return logged
    },

    async events(tag, after, page) {
      const chat = chats.get(tag)
      return chat === undefined ? 'gone' : (chat.log.eventsAfter(after, page) ?? 'cursor-unknown')
    },

    async messages(tag, start, page) {
      const chat = chats.get(tag)
      return chat === undefined ? 'gone' : (chat.log.messages(start, page) ?? 'cursor-unknown')
    },

    async newestMessages(tag, newest) {
      return chats.get(tag)?.log.newestMessages(newest) ?? 'gone'
    },

    async watch(tag, listener) {
      const listeners = chats.get(tag)?.listeners
      if (listeners === undefined) return 'gone'
      // A wrapper, because the same function can be registered twice and must then be called twice.
      const wrapper: Listener = (notification) => listener(notification)
      listeners.add(wrapper)
      return () => void listeners.delete(wrapper)
    },

    async remove(tag, lastEventId) {
      const chat = chats.get(tag)
      if (chat === undefined || (lastEventId ?? chat.log.lastEventId) !== chat.log.lastEventId) return false
      chats.delete(tag)
      bytes -= doorBytes(chat.door) + chat.log.messageBytes + (chat.keys?.size ?? 0) * BYTES_PER_KEY
      notify(chat, 'gone')
      return true
    },

    async idleChats(since, emptySince) {
      const idle: ChatTag[] = []
      let checked = 0
      for (const [tag, chat] of chats) {
        if (++checked % CHATS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
        if (chat.idleSince <= (chat.log.lastEventId === 0 ? emptySince : since)) idle.push(tag)
      }
      return idle
    },

    handovers: memoryHandovers({
      take(size) {
        if (bytes + size > maxStoreBytes) return false
        bytes += size
        return true
      },
      free(size) {
        bytes -= size
      }
    }),

    async ping() {},

    async close() {}
  }
}

function doorBytes(door: Door): number {
  return BYTES_PER_CHAT + door.links.length * BYTES_PER_LINK + door.requests.size * BYTES_PER_REQUEST
}
