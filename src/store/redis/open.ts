/** A Redis store from its URL. */
import type { Store } from '../../chat/store.ts'
import { type RedisStoreOptions, redisStore } from './redis-store.ts'
import { RedisServer, type ServerHooks } from './server.ts'

/** @throws ServerRefused if no server can be reached there, or none that will do */
export async function openRedisStore(url: string, options: RedisStoreOptions & ServerHooks): Promise<Store> {
  return redisStore(await RedisServer.open(url, options), options)
}
