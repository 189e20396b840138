/** Announcements that processes of a test share, like those in Redis. */
import type { ChatTag } from '../../src/chat/ids.ts'
import type { PresenceStore } from '../../src/chat/store.ts'

/** Each call of what this returns is another process. They all use `Date.now()`. */
export function sharedPresence(): () => PresenceStore {
  const chats = new Map<ChatTag, Map<object, number>>()
  const untilIn = (tag: ChatTag) => {
    const known = chats.get(tag) ?? new Map<object, number>()
    chats.set(tag, known)
    return known
  }
  return () => {
    const process = {}
    return {
      announce: async (tag, forMs) => void untilIn(tag).set(process, Date.now() + forMs),
      retract: async (tag) => void untilIn(tag).delete(process),
      isAnnounced: async (tag) => [...untilIn(tag).values()].some((until) => until > Date.now())
    }
  }
}
