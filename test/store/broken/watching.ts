/** Stores with faults in notifying watchers. */
import type { LoggedEvent } from '../../../src/chat/events.ts'
import type { Breaking } from './breaking.ts'

export const BROKEN_WATCHING: Record<string, Breaking> = {
  'notifies twice': (store) => ({
    watch: (tag, listener) =>
      store.watch(
        tag,
        (notification) => void [listener(notification), notification !== 'gone' && listener(notification)]
      )
  }),
  'does not notify of join events': (store) => ({
    watch: (tag, listener) =>
      store.watch(tag, (notification) =>
        listener(
          typeof notification === 'string' ? notification : notification.filter(({ type }) => type === 'message')
        )
      )
  }),
  'notifies out of order': (store) => ({
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
  'still notifies after unwatch': (store) => ({
    watch: async (tag, listener) => {
      const unwatch = await store.watch(tag, listener)
      return unwatch === 'gone' ? unwatch : () => {}
    }
  }),
  'notifies a listener that watches twice only once': (store) => {
    const known = new Set()
    return {
      watch: async (tag, listener) => {
        const isKnown = known.has(listener)
        known.add(listener)
        return store.watch(tag, isKnown ? () => {} : listener)
      }
    }
  },
  'watches a chat that does not exist': (store) => ({
    watch: async (tag, listener) => {
      const unwatch = await store.watch(tag, listener)
      return unwatch === 'gone' ? () => {} : unwatch
    }
  }),
  'does not notify that a chat is gone': (store) => ({
    watch: (tag, listener) =>
      store.watch(tag, (notification) => void (notification !== 'gone' && listener(notification)))
  }),
  'notifies twice that a chat is gone': (store) => ({
    watch: (tag, listener) =>
      store.watch(
        tag,
        (notification) => void [listener(notification), notification === 'gone' && listener(notification)]
      )
  }),
  'notifies that a chat is gone before its last events': (store) => ({
    watch: (tag, listener) => {
      let last: readonly LoggedEvent[] = []
      return store.watch(tag, (notification) => {
        if (typeof notification === 'string') listener(notification)
        if (last.length > 0) listener(last)
        last = typeof notification === 'string' ? [] : notification
      })
    }
  }),
  'notifies a former watcher that a chat is gone': (store) => ({
    watch: async (tag, listener) => {
      let isOver = false
      const unwatch = await store.watch(
        tag,
        (notification) => void ((notification === 'gone' || !isOver) && listener(notification))
      )
      if (unwatch === 'gone') return unwatch
      return () => {
        isOver = true
      }
    }
  })
}
