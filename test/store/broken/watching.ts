/** Watchers that are not told what they should be. */
import type { LoggedEvent } from '../../../src/chat/events.ts'
import type { Breaking } from './breaking.ts'

export const BROKEN_WATCHING: Record<string, Breaking> = {
  'tells twice': (store) => ({
    watch: (tag, listener) => store.watch(tag, (told) => void [listener(told), told !== 'gone' && listener(told)])
  }),
  'tells nothing of join events': (store) => ({
    watch: (tag, listener) =>
      store.watch(tag, (told) =>
        listener(typeof told === 'string' ? told : told.filter(({ type }) => type === 'message'))
      )
  }),
  'tells out of order': (store) => ({
    watch: (tag, listener) => {
      let held: readonly LoggedEvent[] = []
      return store.watch(tag, (events) => {
        if (typeof events === 'string') listener(events)
        else if (held.length === 0) held = events
        else {
          listener([...events, ...held])
          held = []
        }
      })
    }
  }),
  'goes on telling after unwatch': (store) => ({
    watch: async (tag, listener) => {
      const unwatch = await store.watch(tag, listener)
      return unwatch === 'gone' ? unwatch : () => {}
    }
  }),
  'tells the same listener once': (store) => {
    const known = new Set()
    return {
      watch: async (tag, listener) => {
        const isKnown = known.has(listener)
        known.add(listener)
        return store.watch(tag, isKnown ? () => {} : listener)
      }
    }
  },
  'watches what does not exist': (store) => ({
    watch: async (tag, listener) => {
      const unwatch = await store.watch(tag, listener)
      return unwatch === 'gone' ? () => {} : unwatch
    }
  }),
  'tells nobody that a chat is gone': (store) => ({
    watch: (tag, listener) => store.watch(tag, (told) => void (told !== 'gone' && listener(told)))
  }),
  'tells twice that a chat is gone': (store) => ({
    watch: (tag, listener) => store.watch(tag, (told) => void [listener(told), told === 'gone' && listener(told)])
  }),
  'tells that a chat is gone before the last of its events': (store) => ({
    watch: (tag, listener) => {
      let last: readonly LoggedEvent[] = []
      return store.watch(tag, (told) => {
        if (typeof told === 'string') listener(told)
        if (last.length > 0) listener(last)
        last = typeof told === 'string' ? [] : told
      })
    }
  }),
  'tells also who has unwatched that a chat is gone': (store) => ({
    watch: async (tag, listener) => {
      let isOver = false
      const unwatch = await store.watch(tag, (told) => void ((told === 'gone' || !isOver) && listener(told)))
      if (unwatch === 'gone') return unwatch
      return () => {
        isOver = true
      }
    }
  })
}
