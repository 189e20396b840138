/** How much memory the file store and the Redis store use to cache chats. */

/** For all cached doors, in bytes of their JSON. */
export const MAX_CACHE_BYTES = 16_777_216
/** What a cached chat takes besides its door's JSON. */
export const BYTES_PER_CHAT = 1280
