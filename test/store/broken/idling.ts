/** Stores with faults in finding idle chats. */
import { type ChatTag, tagOf } from '../../../src/chat/ids.ts'
import type { Breaking } from './breaking.ts'

/** A store that updates `idleSince` only for these calls. */
function idle(since: { create?: true; commit?: 'always' | 'events'; append?: 'always' | 'logged' }): Breaking {
  return (store) => {
    const known = new Map<ChatTag, number>()
    return {
      create: async (door) => {
        const outcome = await store.create(door)
        if (outcome === 'created') known.set(tagOf(door.chat), since.create ? door.createdAt : 0)
        return outcome
      },
      commit: async (tag, version, door, events, now) => {
        const outcome = await store.commit(tag, version, door, events, now)
        const isLogged = typeof outcome === 'object' && outcome.length > 0
        if (since.commit === 'always' || (since.commit === 'events' && isLogged)) known.set(tag, now)
        return outcome
      },
      append: async (tag, rights, message, key) => {
        const before = (await store.load(tag))?.lastEventId
        const outcome = await store.append(tag, rights, message, key)
        const isLogged = (await store.load(tag))?.lastEventId !== before
        if (since.append === 'always' || (since.append === 'logged' && isLogged)) known.set(tag, message.createdAt)
        return outcome
      },
      load: async (tag) => {
        const chat = await store.load(tag)
        return chat && { ...chat, idleSince: known.get(tag) ?? 0 }
      }
    }
  }
}

export const BROKEN_IDLING: Record<string, Breaking> = {
  'does not know when a chat was created': idle({ commit: 'events', append: 'logged' }),
  'does not count knocks as use': idle({ create: true, append: 'logged' }),
  'does not count messages as use': idle({ create: true, commit: 'events' }),
  'counts every commit as use': idle({ create: true, commit: 'always', append: 'logged' }),
  'counts every attempt to post as use': idle({ create: true, commit: 'events', append: 'always' }),
  'finds nothing idle': () => ({
    idleChats: async () => []
  }),
  'finds everything idle': (store) => ({
    idleChats: () => store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  }),
  'finds a chat idle a millisecond too late': (store) => ({
    idleChats: (since, emptySince) => store.idleChats(since - 1, emptySince - 1)
  }),
  'finds a chat idle a millisecond too soon': (store) => ({
    idleChats: (since, emptySince) => store.idleChats(since + 1, emptySince + 1)
  }),
  'treats all chats as used': (store) => ({
    idleChats: (since) => store.idleChats(since, since)
  }),
  'treats all chats as empty': (store) => ({
    idleChats: (_since, emptySince) => store.idleChats(emptySince, emptySince)
  }),
  'treats a chat with a link as one with an event': (store) => ({
    idleChats: async (since, emptySince) => {
      const tags = await store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
      const chats = await Promise.all(tags.map(async (tag) => ({ tag, chat: await store.load(tag) })))
      const found = chats.filter(({ chat }) => {
        if (chat === undefined) return false
        const isEmpty = chat.lastEventId === 0 && chat.door.links.length === 0
        return chat.idleSince <= (isEmpty ? emptySince : since)
      })
      return found.map(({ tag }) => tag)
    }
  }),
  'still finds a chat idle after it was used': (store) => {
    const ever = new Set<ChatTag>()
    return {
      idleChats: async (...call) => {
        for (const tag of await store.idleChats(...call)) ever.add(tag)
        return [...ever]
      }
    }
  },
  'removes a chat when it finds it idle': (store) => ({
    idleChats: async (...call) => {
      const found = await store.idleChats(...call)
      for (const tag of found) await store.remove(tag)
      return found
    }
  }),
  'finds a chat idle twice': (store) => ({
    idleChats: async (...call) => [...(await store.idleChats(...call)), ...(await store.idleChats(...call))]
  })
}
