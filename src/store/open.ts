/** Opens the store for a STORE_URL. */
import { fileURLToPath } from 'node:url'
import type { Store } from '../chat/store.ts'
import type { OpenOptions } from './file/open.ts'
import { type MemoryStoreLimits, memoryStore } from './memory/memory-store.ts'
import type { RedisStoreOptions } from './redis/redis-store.ts'
import type { ServerHooks, ServerOptions } from './redis/server.ts'

export type StoreOptions = MemoryStoreLimits & OpenOptions & RedisStoreOptions & ServerHooks & ServerOptions

/** @throws Error whose message is for the operator */
export async function openStore(url: string, options: StoreOptions): Promise<Store> {
  // Imported lazily to keep the cold start short.
  if (isFileUrl(url)) {
    const { openFileStore } = await import('./file/open.ts')
    return await openFileStore(folderOf(url), options)
  }
  if (isRedisUrl(url)) {
    const { openRedisStore } = await import('./redis/open.ts')
    return await openRedisStore(url, options)
  }
  return memoryStore(options)
}

export function isFileUrl(url: string): boolean {
  return url.startsWith('file:')
}

function isRedisUrl(url: string): boolean {
  return /^rediss?:/.test(url)
}

/** The path of `file:<path>` or of a file URL. */
export function folderOf(url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : url.slice('file:'.length)
}
