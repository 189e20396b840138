/** How much memory the file store and the Redis store use to cache chats, in bytes. */
import type { Door } from '../chat/door.ts'

export const MAX_CACHE_BYTES = 67_108_864
/** What a cached chat takes, and each link and request of it: measured, and rounded up. */
export const BYTES_PER_CHAT = 2048
const BYTES_PER_LINK = 512
const BYTES_PER_REQUEST = 1536

export function doorBytes({ links, requests }: Door): number {
  return links.length * BYTES_PER_LINK + requests.size * BYTES_PER_REQUEST
}
