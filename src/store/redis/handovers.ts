/** Handovers in Redis: each is a key of its own, which Redis expires. */
import type { HandoverId } from '../../chat/ids.ts'
import type { HandoverStore } from '../../chat/store.ts'
import { isStatusReply } from './replies.ts'
import { SCRIPTS } from './scripts.ts'
import type { RedisServer } from './server.ts'

export function redisHandovers(server: RedisServer): HandoverStore {
  return {
    async put(id, { sealed, createdAt, expiresAt }) {
      await server.run(SCRIPTS.putHandover, tagOf(id), [sealed, expiresAt, expiresAt - createdAt])
      return 'stored'
    },

    async take(id, now) {
      const reply = await server.run(SCRIPTS.takeHandover, tagOf(id), [now])
      return isStatusReply(reply) ? undefined : `${reply[0]}`
    },

    async removeExpired() {}
  }
}

/** Its hash tag, so that a cluster spreads handovers over its servers. No chat has such a tag. */
function tagOf(id: HandoverId): string {
  return `handover:${id}`
}
