/** Stores with faults in presence. */
import { type ChatTag, chatTag } from '../../../src/chat/ids.ts'
import type { PresenceStore, Store } from '../../../src/chat/store.ts'
import { sharedPresence } from '../../support/presence.ts'
import type { Breaking } from './breaking.ts'

const presence =
  (breaking: (sound: PresenceStore, store: Store) => Partial<PresenceStore>): Breaking =>
  (store) => {
    const sound = sharedPresence()()
    return { presence: { ...sound, ...breaking(sound, store) } }
  }

/** Any chat is taken for this one. */
const ONE_CHAT = chatTag('one')

export const BROKEN_PRESENCE: Record<string, Breaking> = {
  'finds nobody present': presence(() => ({ isAnnounced: async () => false })),
  'confuses the owners of chats': presence((sound) => ({
    announce: (_tag, forMs) => sound.announce(ONE_CHAT, forMs),
    retract: () => sound.retract(ONE_CHAT),
    isAnnounced: () => sound.isAnnounced(ONE_CHAT)
  })),
  'keeps owners present who have left': presence(() => ({ retract: async () => {} })),
  'announces only once': presence((sound) => {
    const known = new Set<ChatTag>()
    return {
      announce: async (tag, forMs) => {
        if (!known.has(tag)) await sound.announce(tag, forMs)
        known.add(tag)
      }
    }
  }),
  'keeps owners present for ever': presence((sound) => ({ announce: (tag) => sound.announce(tag, 1e9) })),
  'does not start the time of an announcement again': presence((sound) => ({
    announce: async (tag, forMs) => {
      if (!(await sound.isAnnounced(tag))) await sound.announce(tag, forMs)
    }
  })),
  'counts presence as use': presence((sound, store) => ({
    announce: async (tag, forMs) => {
      const chat = await store.load(tag)
      if (chat !== undefined) await store.append(tag, chat.door.rights, { from: 'owner', text: 'here', createdAt: 0 })
      await sound.announce(tag, forMs)
    }
  })),
  'changes the version of a chat with presence': presence((sound, store) => ({
    announce: async (tag, forMs) => {
      const chat = await store.load(tag)
      if (chat !== undefined) await store.commit(tag, chat.version, chat.door, [], 0)
      await sound.announce(tag, forMs)
    }
  }))
}
