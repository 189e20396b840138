/** Stores with faults in creating, loading and committing doors. */
import type { Door } from '../../../src/chat/door.ts'
import { newChatId, tagOf } from '../../../src/chat/ids.ts'
import { Requests } from '../../../src/chat/requests.ts'
import type { Store } from '../../../src/chat/store.ts'
import type { Breaking } from './breaking.ts'

export const BROKEN_DOORS: Record<string, Breaking> = {
  'does not report that a tag is taken': (store) => ({
    create: async (door) => {
      const outcome = await store.create(door)
      return outcome === 'taken' ? 'created' : outcome
    }
  }),
  'stores all chats as one': (store) => {
    let one: Door | undefined
    const tag = () => tagOf(one?.chat ?? newChatId())
    return {
      create: async (door) => {
        if (one !== undefined) return 'created'
        one = door
        return store.create(door)
      },
      load: () => store.load(tag()),
      append: (_tag, ...rest) => store.append(tag(), ...rest),
      watch: (_tag, listener) => store.watch(tag(), listener)
    }
  },
  'creates a chat with a message in it': (store) => ({
    create: async (door) => {
      const outcome = await store.create(door)
      if (outcome === 'created')
        await store.append(tagOf(door.chat), 0, { from: 'owner', text: 'welcome', createdAt: 0 })
      return outcome
    }
  }),
  'cannot be reached': () => ({
    ping: () => Promise.reject(new Error('no answer'))
  }),
  'loads a stale door': (store) => {
    const first = new Map<string, ReturnType<Store['load']>>()
    return {
      load: (tag) => {
        const loading = first.get(tag) ?? store.load(tag)
        first.set(tag, loading)
        return loading
      }
    }
  },
  'loads a stale last event id': (store) => ({
    load: async (tag) => {
      const chat = await store.load(tag)
      return chat && { ...chat, lastEventId: Math.max(0, chat.lastEventId - 1) }
    }
  }),
  'loads a door without its links': (store) => ({
    load: async (tag) => {
      const chat = await store.load(tag)
      return chat && { ...chat, door: { ...chat.door, links: [] } }
    }
  }),
  'loads join requests in the wrong order': (store) => ({
    load: async (tag) => {
      const chat = await store.load(tag)
      return (
        chat && { ...chat, door: { ...chat.door, requests: Requests.from([...chat.door.requests.values()].reverse()) } }
      )
    }
  }),
  'returns live objects': (store) => {
    const live = new Map<string, object>()
    return {
      load: async (tag) => {
        const chat = await store.load(tag)
        if (chat === undefined) return undefined
        return Object.assign(live.get(tag) ?? live.set(tag, {}).get(tag) ?? {}, chat)
      },
      commit: async (tag, ...rest) => {
        const outcome = await store.commit(tag, ...rest)
        Object.assign(live.get(tag) ?? {}, await store.load(tag))
        return outcome
      }
    }
  },
  'ignores the version of a commit': (store) => ({
    commit: async (tag, _version, ...rest) => {
      const version = (await store.load(tag))?.version ?? 0
      return store.commit(tag, version, ...rest)
    }
  }),
  'answers conflict but logs the events': (store) => ({
    commit: async (tag, version, door, events, now) => {
      const outcome = await store.commit(tag, version, door, events, now)
      const chat = await store.load(tag)
      if (outcome === 'conflict' && chat !== undefined) await store.commit(tag, chat.version, chat.door, events, now)
      return outcome
    }
  }),
  'commits the door without its events': (store) => ({
    commit: (tag, version, door, _events, now) => store.commit(tag, version, door, [], now)
  }),
  'commits the events without the door': (store) => ({
    commit: async (tag, version, door, ...rest) =>
      store.commit(tag, version, (await store.load(tag))?.door ?? door, ...rest)
  }),
  'lets messages change the version': (store) => ({
    append: async (tag, ...rest) => {
      const outcome = await store.append(tag, ...rest)
      const chat = await store.load(tag)
      if (chat !== undefined) await store.commit(tag, chat.version, chat.door, [], 0)
      return outcome
    }
  })
}
