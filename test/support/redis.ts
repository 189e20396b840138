/** Redis stores for tests. */
import { onTestFinished } from 'vitest'
import type { Store } from '../../src/chat/store.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { type Redis, startRedis } from './redis-server.ts'

/** A separate server with these settings, until the end of the test. */
export async function aRedis(...settings: string[]): Promise<Redis> {
  const redis = await startRedis(...settings)
  onTestFinished(redis.end)
  return redis
}

let shared: Promise<Redis> | undefined

/** One for all tests of a process: their chats do not affect each other. */
export function sharedRedis(): Promise<Redis> {
  shared ??= startRedis()
  return shared
}

/** The store of one process; it closes with the test. */
export async function aNode(url: string, { maxChatBytes = 1_000_000, chatTtlMs = 0 } = {}): Promise<Store> {
  const store = await openRedisStore(url, {
    maxChatBytes,
    chatTtlMs,
    emptyChatTtlMs: chatTtlMs,
    onLost: () => undefined,
    onFault: () => undefined,
    onBack: () => undefined
  })
  onTestFinished(() => store.close())
  return store
}

/** Several processes behind a proxy that sends each call to the next one. */
export function inTurn(stores: readonly [Store, ...Store[]]): Store {
  let calls = 0
  const next = (): Store => stores[calls++ % stores.length] ?? stores[0]
  return {
    create: (...call) => next().create(...call),
    load: (...call) => next().load(...call),
    cached: (tag) => next().cached(tag),
    commit: (...call) => next().commit(...call),
    append: (...call) => next().append(...call),
    events: (...call) => next().events(...call),
    messages: (...call) => next().messages(...call),
    newestMessages: (...call) => next().newestMessages(...call),
    remove: (...call) => next().remove(...call),
    idleChats: async (...call) => (await Promise.all(stores.map((store) => store.idleChats(...call)))).flat(),
    watch: (...call) => next().watch(...call),
    handovers: {
      put: (...call) => next().handovers.put(...call),
      take: (...call) => next().handovers.take(...call),
      removeExpired: async (now) => {
        await Promise.all(stores.map((store) => store.handovers.removeExpired(now)))
      }
    },
    ...(stores[0].presence !== undefined && {
      presence: {
        ...stores[0].presence,
        isAnnounced: async (tag) => (await next().presence?.isAnnounced(tag)) === true
      }
    }),
    count: async (...call) => (await next().count?.(...call)) ?? { total: 0, endsInMs: 0 },
    clockSkewMs: () => stores[0].clockSkewMs?.() ?? 0,
    ping: () => next().ping(),
    close: async () => void (await Promise.all(stores.map((store) => store.close())))
  }
}
