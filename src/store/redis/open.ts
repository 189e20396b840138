/** Opens a Redis store. */
import type { Store } from '../../chat/store.ts'
import { type RedisStoreOptions, redisStore } from './redis-store.ts'
import { RedisServer, type ServerHooks } from './server.ts'

/** @throws ServerRefused if the server cannot be reached or is too old */
export async function openRedisStore(url: string, options: RedisStoreOptions & ServerHooks): Promise<Store> {
  return redisStore(await RedisServer.open(url, options), options)
}
