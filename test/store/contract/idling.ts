/** Finding idle chats. */
import { expect } from 'vitest'
import type { Door } from '../../../src/chat/door.ts'
import { postKey, tagOf } from '../../../src/chat/ids.ts'
import type { Store } from '../../../src/chat/store.ts'
import { aDoor, aUser, withLink } from '../../support/doors.ts'
import { aChat, allNotified, append, type Check, commitKnock, loaded, message, NOON, watched } from './support.ts'

/** A chat that was created long ago, with one message at this instant. */
async function aUsedChat(store: Store, at: number) {
  const { door } = aDoor()
  const tag = await aChat(store, door)
  await watched(store, tag)
  await append(store, tag, 'hello', at)
  return door
}

/** A chat without events that was created at this instant; a link was created later. */
async function anEmptyChat(store: Store, at: number) {
  const { door } = aDoor(at)
  const tag = await aChat(store, door)
  await watched(store, tag)
  expect(await store.commit(tag, (await loaded(store, tag)).version, withLink(door).door, [], at + 10)).toEqual([])
  return door
}

/** For each chat, whether the store finds it idle. */
async function idleOf(store: Store, doors: readonly Door[], since: number, emptySince: number): Promise<boolean[]> {
  await allNotified(store)
  const found = await store.idleChats(since, emptySince)
  expect(new Set(found).size).toBe(found.length)
  return doors.map(({ chat }) => found.includes(tagOf(chat)))
}

export const IDLING: readonly Check[] = [
  {
    promise: 'a chat is idle since its creation, then since its last event, be it a message or a knock',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store, aDoor(NOON).door)
      const idleSince = async () => (await loaded(store, tag)).idleSince
      expect(await idleSince()).toBe(NOON)
      await append(store, tag, 'hello', NOON + 1)
      expect(await idleSince()).toBe(NOON + 1)
      await commitKnock(store, tag, { now: NOON + 2 })
      expect(await idleSince()).toBe(NOON + 2)
      await append(store, tag, 'again', NOON + 3)
      expect(await idleSince()).toBe(NOON + 3)
    }
  },
  {
    promise:
      'calls that log nothing do not change that: a commit without events, a conflict, a repeated or refused post',
    run: async (make) => {
      const store = await make({ maxChatBytes: 200 })
      const tag = await aChat(store, aDoor(NOON).door)
      const { door, version } = await loaded(store, tag)
      await store.commit(tag, version, withLink(door).door, [], NOON + 1)
      expect(await loaded(store, tag)).toMatchObject({ idleSince: NOON })
      const key = postKey(aUser(), 'once')
      await store.append(tag, 0, message('hello', NOON + 2), key)
      await store.append(tag, 0, message('hello', NOON + 3), key)
      await store.append(tag, 1, message('stale', NOON + 3))
      await store.append(tag, 0, message('x'.repeat(200), NOON + 3))
      expect(await store.commit(tag, version, door, [], NOON + 3)).toBe('conflict')
      expect(await loaded(store, tag)).toMatchObject({ idleSince: NOON + 2, lastEventId: 1 })
    }
  },
  {
    promise:
      'the idle chats are exactly the watched ones that have been idle since the instant or longer, without removed ones',
    run: async (make) => {
      const store = await make()
      expect(await store.idleChats(NOON, NOON)).toEqual([])
      const [long, just, fresh] = [
        await aUsedChat(store, NOON - 1000),
        await aUsedChat(store, NOON),
        await aUsedChat(store, NOON + 1)
      ]
      const all = [long, just, fresh]
      expect(await idleOf(store, all, NOON, NOON + 1000)).toEqual([true, true, false])
      await append(store, tagOf(long.chat), 'again', NOON + 1)
      expect(await idleOf(store, all, NOON, NOON + 1000)).toEqual([false, true, false])
      await store.remove(tagOf(just.chat))
      await allNotified(store)
      expect(await store.idleChats(NOON, NOON + 1000)).toEqual([])
    }
  },
  {
    promise: 'for chats without events the other instant applies, whatever changes their doors had',
    run: async (make) => {
      const store = await make()
      const all = [await anEmptyChat(store, NOON), await anEmptyChat(store, NOON + 1), await aUsedChat(store, NOON)]
      expect(await idleOf(store, all, NOON - 1, NOON - 1)).toEqual([false, false, false])
      expect(await idleOf(store, all, NOON - 1, NOON)).toEqual([true, false, false])
      expect(await idleOf(store, all, NOON, NOON - 1)).toEqual([false, false, true])
    }
  },
  {
    promise: 'finding the idle chats changes nothing and notifies nobody',
    run: async (make) => {
      const store = await make()
      const tag = tagOf((await aUsedChat(store, NOON)).chat)
      const before = await loaded(store, tag)
      const { notified } = await watched(store, tag)
      await allNotified(store)
      expect(await store.idleChats(NOON, NOON)).toEqual([tag])
      expect(await store.idleChats(NOON, NOON)).toEqual([tag])
      expect(await loaded(store, tag)).toEqual(before)
      await allNotified(store)
      expect(notified).toEqual([])
    }
  }
]
