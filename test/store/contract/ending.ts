/** Removing a chat, and notifying its watchers. */
import { expect } from 'vitest'
import { postKey } from '../../../src/chat/ids.ts'
import { aDoor, aUser } from '../../support/doors.ts'
import {
  ALL,
  aChat,
  allNotified,
  append,
  type Check,
  commitKnock,
  expectGone,
  loaded,
  message,
  texts,
  watched
} from './support.ts'

export const ENDING: readonly Check[] = [
  {
    promise: 'a removed chat no longer exists for any method, and other chats are not affected',
    run: async (make) => {
      const store = await make()
      const { door } = aDoor()
      const [tag, other] = [await aChat(store, door), await aChat(store)]
      for (const one of [tag, other]) {
        await append(store, one, 'hello')
        await commitKnock(store, one)
      }
      const before = await loaded(store, other)
      expect(await store.remove(tag)).toBe(true)
      await expectGone(store, door)
      expect(await loaded(store, other)).toEqual(before)
      expect(await texts(store, other)).toEqual(['hello'])
    }
  },
  {
    promise:
      'a removal frees the tag: a new chat with the same tag has nothing of the old one, neither log, ids nor keys',
    run: async (make) => {
      const store = await make()
      const { door } = aDoor()
      const tag = await aChat(store, door)
      const key = postKey(aUser(), 'once')
      await append(store, tag, 'hello')
      await store.append(tag, 0, message('old'), key)
      await commitKnock(store, tag)
      await store.remove(tag)
      await aChat(store, door)
      expect(await loaded(store, tag)).toMatchObject({ door, lastEventId: 0, idleSince: door.createdAt })
      expect(await store.events(tag, 0, ALL)).toEqual([])
      expect(await store.append(tag, 0, message('new'), key)).toMatchObject({ id: 1 })
      expect(await texts(store, tag)).toEqual(['new'])
    }
  },
  {
    promise: 'of several removals of one chat, even simultaneous ones, exactly one returns true',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const outcomes = await Promise.all([store.remove(tag), store.remove(tag), store.remove(tag, 0)])
      expect(outcomes.sort()).toEqual([false, false, true])
      expect(await store.remove(tag)).toBe(false)
    }
  },
  {
    promise: 'with a last event id, a chat is removed only if that still is its last event',
    run: async (make) => {
      const store = await make()
      const [empty, used] = [await aChat(store), await aChat(store)]
      await append(store, used, 'hello')
      await commitKnock(store, used)
      const before = await loaded(store, used)
      const { notified } = await watched(store, used)
      for (const id of [0, 1, 3]) expect(await store.remove(used, id)).toBe(false)
      expect(await store.remove(empty, 1)).toBe(false)
      expect(await loaded(store, used)).toEqual(before)
      await allNotified(store)
      expect(notified).toEqual([])
      expect(await store.remove(used, 2)).toBe(true)
      expect(await store.remove(empty, 0)).toBe(true)
      expect([await store.load(used), await store.load(empty)]).toEqual([undefined, undefined])
      await allNotified(store)
      expect(notified).toEqual(['gone'])
    }
  },
  {
    promise:
      'each watcher is notified once that the chat is gone, after all its events, and of nothing in a later chat',
    run: async (make) => {
      const store = await make()
      const { door } = aDoor()
      const tag = await aChat(store, door)
      const [one, other, former] = [await watched(store, tag), await watched(store, tag), await watched(store, tag)]
      const elsewhere = await watched(store, await aChat(store))
      await append(store, tag, 'hello')
      await commitKnock(store, tag)
      await allNotified(store)
      former.unwatch()
      await store.remove(tag)
      await store.remove(tag)
      await aChat(store, door)
      await append(store, tag, 'somebody else')
      await store.remove(tag)
      await allNotified(store)
      for (const { notified } of [one, other]) expect(notified).toEqual([1, 2, 'gone'])
      expect(former.notified).toEqual([1, 2])
      expect(elsewhere.notified).toEqual([])
      one.unwatch()
    }
  },
  {
    promise: 'a post during a removal is logged and notified before the removal, or refused as gone',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const { notified } = await watched(store, tag)
      const post = () => store.append(tag, 0, message('hello'))
      const [first, removed, second] = await Promise.all([post(), store.remove(tag), post()])
      expect(removed).toBe(true)
      const logged = [first, second].filter((outcome) => outcome !== 'gone')
      await allNotified(store)
      expect(notified).toEqual([...logged.map((_, index) => index + 1), 'gone'])
      expect(await store.load(tag)).toBeUndefined()
    }
  }
]
