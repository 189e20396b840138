/**
 * The store for several processes: chats in Redis or Valkey. Each operation is one script (`*.lua`), and Redis runs scripts
 * one after another. The contract in `chat/store.ts` holds as long as the server keeps what it has acknowledged. If it
 * loses something, the event ids jump ahead and listeners get `reset` (docs/decisions/event-ids-jump.md).
 */
import { LRUCache } from 'lru-cache'
import { type ChatTag, tagOf } from '../../chat/ids.ts'
import { JOIN_EVENTS_KEPT, type LoadedChat, type Store } from '../../chat/store.ts'
import { BYTES_PER_CHAT, MAX_CACHE_BYTES } from '../cache-limits.ts'
import { decodeDoor, encodeDoor, messageJson, messageJsonAfterId } from '../codec.ts'
import { RedisLog } from './log.ts'
import { isStatusReply, messageFrom } from './replies.ts'
import { SCRIPTS } from './scripts.ts'
import type { RedisServer } from './server.ts'
import { WatchedChats } from './watched-chats.ts'

export interface RedisStoreOptions {
  /** Limit for the messages of one chat, in bytes. */
  readonly maxChatBytes: number
  /** A chat without a new event for this long is removed; 0 for never. */
  readonly chatTtlMs: number
  /** The same for a chat that never had an event. */
  readonly emptyChatTtlMs: number
}

/** Redis deletes a chat this long after it has expired, so that a process can notice the expiry first and end its streams. */
const GRACE_MS = 300_000

export function redisStore(server: RedisServer, options: RedisStoreOptions): Store {
  const ttl = options.chatTtlMs === 0 ? 0 : options.chatTtlMs + GRACE_MS
  const emptyTtl = options.chatTtlMs === 0 ? 0 : options.emptyChatTtlMs + GRACE_MS
  const cache = new LRUCache<ChatTag, LoadedChat>({ maxSize: MAX_CACHE_BYTES })
  const log = new RedisLog(server)
  const watched = new WatchedChats(server, log)

  function forget(tag: ChatTag): void {
    cache.delete(tag)
    watched.onGone(tag)
  }

  function toCache(tag: ChatTag, chat: LoadedChat, doorBytes: number): LoadedChat {
    cache.set(tag, chat, { size: doorBytes + BYTES_PER_CHAT })
    return chat
  }

  return {
    async create(door) {
      const [tag, json] = [tagOf(door.chat), encodeDoor(door)]
      const reply = await server.run(SCRIPTS.create, tag, [json, door.rights, door.createdAt, emptyTtl])
      if (isStatusReply(reply)) return 'taken'
      toCache(tag, { door, version: 1, lastEventId: 0, idleSince: door.createdAt }, json.length)
      return 'created'
    },

    async load(tag) {
      const reply = await server.run(SCRIPTS.load, tag, [])
      if (isStatusReply(reply)) {
        forget(tag)
        return undefined
      }
      const [json, version, rights, lastEventId, idleSince] = reply
      const text = `${json}`
      const door = { ...decodeDoor(text), rights: Number(rights) }
      const numbers = {
        version: Number(version),
        lastEventId: Number(lastEventId),
        idleSince: Number(idleSince)
      }
      return toCache(tag, { door, ...numbers }, text.length)
    },

    cached: (tag) => cache.get(tag),

    async commit(tag, version, door, joins, now) {
      const [json, texts] = [encodeDoor(door), joins.map((event) => JSON.stringify(event))]
      const args = [version, json, door.rights, now, JOIN_EVENTS_KEPT, ttl, ...texts]
      const reply = await server.run(SCRIPTS.commit, tag, args)
      if (isStatusReply(reply)) return reply === 'gone' ? reply : 'conflict'
      const [lastEventId = 0, idleSince = 0] = reply.map(Number)
      toCache(tag, { door, version: version + 1, lastEventId, idleSince }, json.length)
      return joins.map((event, index) => ({ ...event, id: lastEventId - joins.length + 1 + index }))
    },

    async append(tag, rights, message, key) {
      const args = [rights, messageJsonAfterId(message), message.createdAt, options.maxChatBytes, ttl, key ?? '']
      const reply = await server.run(SCRIPTS.append, tag, args)
      if (isStatusReply(reply)) {
        if (reply === 'gone') forget(tag)
        return reply === 'gone' || reply === 'chat-full' ? reply : 'conflict'
      }
      const id = Number(reply[0])
      return messageFrom(id, reply[1] === undefined ? messageJson(id, message) : `${reply[1]}`)
    },

    events: (tag, after, page) => log.events(tag, after, page),
    messages: (tag, after, page = {}) => log.messages(tag, after, page),

    watch: (tag, listener) => watched.watch(tag, listener),

    async remove(tag, lastEventId) {
      const [removed] = await server.run(SCRIPTS.remove, tag, [lastEventId ?? ''])
      cache.delete(tag)
      return removed === '1'
    },

    idleChats: async (since, emptySince) => watched.idle(since, emptySince),

    async count(key, by, lifetimeMs) {
      const [total, endsInMs] = await server.run(SCRIPTS.count, `limit:${key}`, [by, lifetimeMs])
      return { total: Number(total), endsInMs: Number(endsInMs) }
    },

    ping: () => server.ping(),

    async close() {
      watched.close()
      server.close()
    }
  }
}
