/**
 * The store for several processes: chats in Redis or Valkey. Each operation is one script (`*.lua`), and Redis runs scripts
 * one after another. The contract in `chat/store.ts` holds as long as the server keeps what it has acknowledged. If it
 * loses something, the event ids jump ahead and listeners get `reset` (docs/decisions/event-ids-jump.md).
 */
import { LRUCache } from 'lru-cache'
import type { Door } from '../../chat/door.ts'
import { isForgettable } from '../../chat/events.ts'
import { type ChatTag, tagOf, type UserDigest, userDigest } from '../../chat/ids.ts'
import { type OrderedRequest, Requests } from '../../chat/requests.ts'
import { JOIN_EVENTS_KEPT, type LoadedChat, type Store } from '../../chat/store.ts'
import { BYTES_PER_CHAT, doorBytes, MAX_CACHE_BYTES } from '../cache-limits.ts'
import {
  decodeHead,
  decodeRequest,
  decodeWholeDoor,
  doorChanges,
  encodeRequest,
  messageJson,
  messageJsonAfterId,
  wholeDoor
} from '../codec.ts'
import { redisHandovers } from './handovers.ts'
import { RedisLog } from './log.ts'
import { redisPresence } from './presence.ts'
import { isStatusReply, messageFrom, type Reply } from './replies.ts'
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
  /** Doors that are stored in layout 1. */
  const old = new WeakSet<Door>()
  const log = new RedisLog(server)
  const watched = new WatchedChats(server, log)

  /** Runs a script whose reply has the time at this index. */
  async function runTimed(index: number, ...call: Parameters<RedisServer['run']>): Promise<Reply> {
    const sentAt = Date.now()
    const reply = await server.run(...call)
    if (!isStatusReply(reply)) server.clock.observe(sentAt, Date.now(), Number(reply[index]))
    return reply
  }

  function forget(tag: ChatTag): void {
    cache.delete(tag)
    watched.onGone(tag)
  }

  function toCache(tag: ChatTag, chat: LoadedChat): LoadedChat {
    cache.set(tag, chat, { size: doorBytes(chat.door) + BYTES_PER_CHAT })
    return chat
  }

  async function load(tag: ChatTag): Promise<LoadedChat | undefined> {
    const known = cache.get(tag)
    const reply = await runTimed(4, SCRIPTS.load, tag, [known?.version ?? ''])
    if (!isStatusReply(reply)) {
      const loaded = readLoaded(reply, known)
      if (String(reply[5]) === 'old') old.add(loaded.door)
      return toCache(tag, loaded)
    }
    forget(tag)
    return undefined
  }

  /** The stored chat of this version, from which the changes to store are found. */
  async function storedAs(tag: ChatTag, version: number): Promise<LoadedChat | 'conflict' | 'gone'> {
    const cached = cache.get(tag)
    const stored = cached?.version === version ? cached : await load(tag)
    if (stored === undefined) return 'gone'
    return stored.version === version ? stored : 'conflict'
  }

  return {
    async create(door) {
      const tag = tagOf(door.chat)
      const { head, put } = wholeDoor(door)
      const args = [head, door.rights, door.createdAt, emptyTtl, ...pairsOf(put)]
      const reply = await server.run(SCRIPTS.create, tag, args)
      if (isStatusReply(reply)) return 'taken'
      toCache(tag, { door, version: 1, lastEventId: 0, idleSince: door.createdAt })
      return 'created'
    },

    load,

    cached: (tag) => cache.get(tag),

    async commit(tag, version, door, events, now, { isWithdrawal } = { isWithdrawal: false }) {
      const stored = await storedAs(tag, version)
      if (typeof stored === 'string') return stored
      const isOld = old.has(stored.door)
      const { head = '', put, removed } = isOld ? wholeDoor(door) : doorChanges(stored.door, door)
      const kinds = events.map((event) => (isForgettable(event) ? 'f' : 'k')).join('')
      const counts = [isOld ? '1' : '', put.length, removed.length, kinds]
      const records = [...pairsOf(put), ...removed]
      const texts = events.map((event) => JSON.stringify(event))
      const args = [version, head, door.rights, now, JOIN_EVENTS_KEPT, ttl, ...counts, ...records, ...texts]
      const reply = await runTimed(2, isWithdrawal ? SCRIPTS.withdraw : SCRIPTS.commit, tag, args)
      if (isStatusReply(reply)) return reply === 'gone' ? reply : 'conflict'
      const [lastEventId = 0, idleSince = 0] = reply.map(Number)
      toCache(tag, { door, version: version + 1, lastEventId, idleSince })
      return events.map((event, index) => ({ ...event, id: lastEventId - events.length + 1 + index }))
    },

    async append(tag, rights, message, key) {
      const args = [rights, messageJsonAfterId(message), message.createdAt, options.maxChatBytes, ttl, key ?? '']
      const reply = await runTimed(1, SCRIPTS.append, tag, args)
      if (isStatusReply(reply)) {
        if (reply === 'gone') forget(tag)
        return reply === 'gone' || reply === 'chat-full' ? reply : 'conflict'
      }
      const id = Number(reply[0])
      return messageFrom(id, reply[2] === undefined ? messageJson(id, message) : `${reply[2]}`)
    },

    events: (tag, after, page) => log.events(tag, after, page),
    messages: (tag, start, page) => log.messages(tag, start, page),
    newestMessages: (tag, newest) => log.newestMessages(tag, newest),

    watch: (tag, listener) => watched.watch(tag, listener),

    async remove(tag, lastEventId, notBefore) {
      const [removed] = await server.run(SCRIPTS.remove, tag, [lastEventId ?? '', notBefore ?? ''])
      cache.delete(tag)
      return removed === '1'
    },

    handovers: redisHandovers(server),
    presence: redisPresence(server),

    idleChats: async (since, emptySince) => watched.idle(since, emptySince),

    async count(key, by, lifetimeMs) {
      const [total, endsInMs] = await server.run(SCRIPTS.count, `limit:${key}`, [by, lifetimeMs])
      return { total: Number(total), endsInMs: Number(endsInMs) }
    },

    clockSkewMs: () => server.clock.skewMs,

    ping: () => server.ping(),

    async close() {
      watched.close()
      server.close()
    }
  }
}

function pairsOf(put: readonly OrderedRequest[]): string[] {
  return put.flatMap((one) => [one.request.guest, encodeRequest(one)])
}

/** The door after the changes that `load.lua` returns: an empty head or record stands for no change and for a removal. */
function changedDoor(door: Door, head: string, records: readonly string[]): Door {
  const put: OrderedRequest[] = []
  const removed: UserDigest[] = []
  for (const [guest, record] of pairs(records)) {
    if (record === '') removed.push(userDigest(guest))
    else put.push(decodeRequest(record))
  }
  return { ...door, ...(head !== '' && decodeHead(head)), requests: door.requests.withStored(put, removed) }
}

/** Reads what `load.lua` returns to a node that has `known`. */
function readLoaded(reply: readonly (string | Buffer)[], known: LoadedChat | undefined): LoadedChat {
  const [version, rights, lastEventId, idleSince] = reply.map(Number)
  const [kind, head = '', ...records] = reply.slice(5).map(String)
  const numbers = { version: version ?? 0, lastEventId: lastEventId ?? 0, idleSince: idleSince ?? 0 }
  // Without a new version the door is the same object, so that what was found out about it stays true.
  if (known !== undefined && kind === 'same') return { ...numbers, door: known.door }
  const door =
    kind === 'old'
      ? decodeWholeDoor(head)
      : known !== undefined && kind === 'changes'
        ? changedDoor(known.door, head, records)
        : {
            ...decodeHead(head),
            requests: Requests.fromOrdered(pairs(records).map(([, record]) => decodeRequest(record)))
          }
  return { ...numbers, door: { ...door, rights: rights ?? 0 } }
}

function pairs(values: readonly string[]): [string, string][] {
  return Array.from({ length: values.length / 2 }, (_, index) => [values[2 * index] ?? '', values[2 * index + 1] ?? ''])
}
