/** Stores with faults in removing chats. */
import { type ChatTag, tagOf } from '../../../src/chat/ids.ts'
import type { Listener, Store } from '../../../src/chat/store.ts'
import type { Breaking } from './breaking.ts'

export const BROKEN_ENDING: Record<string, Breaking> = {
  'answers that it has removed a chat, but keeps it': () => ({
    remove: async () => true
  }),
  'removes a chat only for loading': (store) => {
    const removed = new Set<ChatTag>()
    return {
      load: async (tag) => (removed.has(tag) ? undefined : store.load(tag)),
      remove: async (tag) => {
        const isFirst = !removed.has(tag) && (await store.load(tag)) !== undefined
        removed.add(tag)
        return isFirst
      }
    }
  },
  'removes other chats as well': (store) => {
    const all = new Set<ChatTag>()
    return {
      load: async (tag) => {
        all.add(tag)
        return store.load(tag)
      },
      remove: async (tag, lastEventId) => {
        const outcome = await store.remove(tag, lastEventId)
        if (outcome) for (const other of all) await store.remove(other)
        return outcome
      }
    }
  },
  'answers that it has removed a chat that did not exist': (store) => ({
    remove: async (tag, lastEventId) => {
      const outcome = await store.remove(tag, lastEventId)
      return outcome || lastEventId === undefined
    }
  }),
  'never answers that it has removed a chat': (store) => ({
    remove: async (tag, lastEventId) => {
      await store.remove(tag, lastEventId)
      return false
    }
  }),
  'answers true to all simultaneous removals of a chat': (store) => {
    let removing: Promise<boolean> | undefined
    return {
      remove: (tag, lastEventId) => {
        removing ??= store.remove(tag, lastEventId).finally(() => {
          removing = undefined
        })
        return removing
      }
    }
  },
  'removes a chat whatever its last event is': (store) => ({
    remove: (tag) => store.remove(tag)
  }),
  'treats a last event id of 0 as none': (store) => ({
    remove: (tag, lastEventId) => store.remove(tag, lastEventId || undefined)
  }),
  'removes no chat if a last event id is given': (store) => ({
    remove: async (tag, lastEventId) => lastEventId === undefined && store.remove(tag)
  }),
  'remembers the keys of a removed chat': (store) => {
    const known = new Map<string, ReturnType<Store['append']>>()
    return {
      append: async (tag, rights, message, key) => {
        const outcome = known.get(`${tag} ${key}`) ?? store.append(tag, rights, message, key)
        const isPosted = key !== undefined && typeof (await outcome) === 'object'
        if (isPosted) known.set(`${tag} ${key}`, outcome)
        return outcome
      }
    }
  },
  'never frees a tag': (store) => {
    const used = new Set<string>()
    return {
      create: async (door) => {
        if (used.has(door.chat)) return 'taken'
        used.add(door.chat)
        return store.create(door)
      }
    }
  },
  'notifies watchers of a removed chat of events in a later one': (store) => {
    const watching = new Map<ChatTag, Listener>()
    return {
      watch: (tag, listener) => {
        watching.set(tag, listener)
        return store.watch(tag, listener)
      },
      create: async (door) => {
        const outcome = await store.create(door)
        const listener = watching.get(tagOf(door.chat))
        if (outcome === 'created' && listener !== undefined) await store.watch(tagOf(door.chat), listener)
        return outcome
      }
    }
  },
  'answers that a message was logged after the chat was removed': (store) => ({
    append: async (tag, rights, message, key) => {
      const wasThere = (await store.load(tag)) !== undefined
      const outcome = await store.append(tag, rights, message, key)
      return outcome === 'gone' && wasThere ? { type: 'message', id: 1, json: '{}' } : outcome
    }
  })
}
