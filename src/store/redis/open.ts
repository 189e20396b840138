/** Opens a Redis store. */
import type { Store } from '../../chat/store.ts'
import { type RedisStoreOptions, redisStore } from './redis-store.ts'
import { RedisServer, type ServerHooks, type ServerOptions } from './server.ts'

/** @throws ServerRefused if the server cannot be reached or must not be used */
export async function openRedisStore(
  url: string,
  options: RedisStoreOptions & ServerHooks & ServerOptions
): Promise<Store> {
  return redisStore(await RedisServer.open(url, options, options), options)
}
