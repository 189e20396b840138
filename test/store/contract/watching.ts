/** Who watches is told of everything, once and in order. */
import { expect } from 'vitest'
import type { Listener } from '../../../src/chat/store.ts'
import { ALL, aChat, aKnock, allTold, append, type Check, commitKnock, ids, NOON, watched } from './support.ts'

export const WATCHING: readonly Check[] = [
  {
    promise: 'who watches is told every event once, in order, as it was logged',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'before')
      const { told, heard } = await watched(store, tag)
      await append(store, tag, 'hello')
      await commitKnock(store, tag)
      await append(store, tag, 'again')
      await allTold(store)
      expect(heard).toEqual([2, 3, 4])
      expect(told).toEqual(await store.events(tag, 1, ALL))
    }
  },
  {
    promise: 'who watches is told in order, each once, also of what is committed at the same time',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const { heard } = await watched(store, tag)
      const knocking = aKnock(store, tag).then((one) => store.commit(tag, one.version, one.door, one.events, NOON))
      await Promise.all([knocking, ...Array.from({ length: 20 }, () => append(store, tag, 'hello'))])
      await allTold(store)
      expect(heard).toEqual(Array.from({ length: 21 }, (_, index) => index + 1))
      expect(heard).toEqual(await ids(store, tag, 0))
    }
  },
  {
    promise: 'each who watches is told, the same listener twice too, and nothing after it unwatched',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const told: number[] = []
      const listener: Listener = (news) => typeof news !== 'string' && told.push(...news.map(({ id }) => id))
      const first = await store.watch(tag, listener)
      const second = await store.watch(tag, listener)
      if (first === 'gone' || second === 'gone') throw new Error('the chat is not there')
      await append(store, tag, 'hello')
      await allTold(store)
      expect(told).toEqual([1, 1])
      first()
      first()
      await append(store, tag, 'again')
      await allTold(store)
      expect(told).toEqual([1, 1, 2])
      second()
      await append(store, tag, 'unheard')
      await allTold(store)
      expect(told).toEqual([1, 1, 2])
    }
  }
]
