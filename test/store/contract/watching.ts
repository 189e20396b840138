/** Watching a chat: every event is notified, once and in order. */
import { expect } from 'vitest'
import type { Listener } from '../../../src/chat/store.ts'
import { ALL, aChat, aKnock, allNotified, append, type Check, commitKnock, ids, NOON, watched } from './support.ts'

export const WATCHING: readonly Check[] = [
  {
    promise: 'a watcher is notified of every event once, in order, as it was logged',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'before')
      const { events, notified } = await watched(store, tag)
      await append(store, tag, 'hello')
      await commitKnock(store, tag)
      await append(store, tag, 'again')
      await allNotified(store)
      expect(notified).toEqual([2, 3, 4])
      expect(events).toEqual(await store.events(tag, 1, ALL))
    }
  },
  {
    promise: 'a watcher is notified of simultaneous events once and in order',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const { notified } = await watched(store, tag)
      const knocking = aKnock(store, tag).then((one) => store.commit(tag, one.version, one.door, one.events, NOON))
      await Promise.all([knocking, ...Array.from({ length: 20 }, () => append(store, tag, 'hello'))])
      await allNotified(store)
      expect(notified).toEqual(Array.from({ length: 21 }, (_, index) => index + 1))
      expect(notified).toEqual(await ids(store, tag, 0))
    }
  },
  {
    promise: 'each watcher is notified, twice if a listener watches twice, and not after it has stopped watching',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const notified: number[] = []
      const listener: Listener = (notification) =>
        typeof notification !== 'string' && notified.push(...notification.map(({ id }) => id))
      const first = await store.watch(tag, listener)
      const second = await store.watch(tag, listener)
      if (first === 'gone' || second === 'gone') throw new Error('the chat is not there')
      await append(store, tag, 'hello')
      await allNotified(store)
      expect(notified).toEqual([1, 1])
      first()
      first()
      await append(store, tag, 'again')
      await allNotified(store)
      expect(notified).toEqual([1, 1, 2])
      second()
      await append(store, tag, 'unwatched')
      await allNotified(store)
      expect(notified).toEqual([1, 1, 2])
    }
  }
]
