/** Presence in Redis: for each chat a sorted set of the processes that have announced it, by when that lapses. */
import { randomUUID } from 'node:crypto'
import type { ChatTag } from '../../chat/ids.ts'
import type { PresenceStore } from '../../chat/store.ts'
import { SCRIPTS } from './scripts.ts'
import type { RedisServer } from './server.ts'

export function redisPresence(server: RedisServer): PresenceStore {
  const process = randomUUID()
  return {
    async announce(tag, forMs) {
      await server.run(SCRIPTS.announce, tagOf(tag), [process, forMs])
    },

    async retract(tag) {
      await server.run(SCRIPTS.retract, tagOf(tag), [process])
    },

    async isAnnounced(tag) {
      const [count] = await server.run(SCRIPTS.announced, tagOf(tag), [])
      return Number(count) > 0
    }
  }
}

/** A hash tag of its own: commands on the chat need not name this key, and the chat's expiry does not change it. */
function tagOf(tag: ChatTag): string {
  return `owner:${tag}`
}
