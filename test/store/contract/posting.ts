/** Posting messages: idempotency keys, rights and limits. */
import { expect } from 'vitest'
import { newRequestId, postKey } from '../../../src/chat/ids.ts'
import { aUser } from '../../support/doors.ts'
import {
  ALL,
  aChat,
  aKnock,
  allNotified,
  append,
  type Check,
  commitKnock,
  loaded,
  message,
  NOON,
  texts,
  watched
} from './support.ts'

export const POSTING: readonly Check[] = [
  {
    promise: 'a message is logged as JSON with the next id, its exact text and its sender',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const texts = ['plain', 'Grüße 👋\u0000\n"\\', '\u2028 "id": 1 </script>', '.000Z"}']
      for (const [index, text] of texts.entries()) {
        const from = index === 0 ? 'owner' : newRequestId()
        const logged = await store.append(tag, 0, { ...message(text, NOON + index), from })
        if (typeof logged === 'string') throw new Error(logged)
        expect(logged.id).toBe(index + 1)
        const created_at = `2026-11-22T12:00:00.00${index}Z`
        expect(JSON.parse(logged.json)).toEqual({ id: index + 1, text, created_at, from })
        expect(await store.events(tag, index, ALL)).toEqual([logged])
      }
    }
  },
  {
    promise: 'messages do not change the version, so they cause no conflicts',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const { version, door, events } = await aKnock(store, tag)
      await append(store, tag, 'meanwhile')
      expect(await store.commit(tag, version, door, events, NOON)).toMatchObject([{ id: 2 }])
      expect(await store.append(tag, 0, message('still'))).toMatchObject({ id: 3 })
    }
  },
  {
    promise: 'a message with outdated rights is a conflict and is not logged',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const { door, version } = await loaded(store, tag)
      await store.commit(tag, version, { ...door, rights: 1 }, [], NOON)
      expect(await store.append(tag, 0, message('late'))).toBe('conflict')
      expect(await loaded(store, tag)).toMatchObject({ lastEventId: 0 })
      expect(await store.append(tag, 1, message('in time'))).toMatchObject({ id: 1 })
    }
  },
  {
    promise: 'a key posts once: repeated or simultaneous posts log and notify nothing and return the first message',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const { notified } = await watched(store, tag)
      const key = postKey(aUser(), 'once')
      const post = (text: string) => store.append(tag, 0, message(text), key)
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => post('hello')))
      await append(store, tag, 'meanwhile')
      outcomes.push(await post('hello'), await post('another text'))
      expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1)
      expect(outcomes[0]).toMatchObject({ type: 'message', id: 1 })
      expect(await texts(store, tag)).toEqual(['hello', 'meanwhile'])
      await allNotified(store)
      expect(notified).toEqual([1, 2])
    }
  },
  {
    promise: 'a key belongs to one chat, another key is another post, and rights are checked first',
    run: async (make) => {
      const store = await make()
      const [one, other] = [await aChat(store), await aChat(store)]
      const [key, another] = [postKey(aUser(), 'a'), postKey(aUser(), 'a')]
      for (const tag of [one, other]) expect(await store.append(tag, 0, message('x'), key)).toMatchObject({ id: 1 })
      expect(await store.append(one, 0, message('x'), another)).toMatchObject({ id: 2 })
      expect(await store.append(one, 1, message('x'), key)).toBe('conflict')
    }
  },
  {
    promise:
      'a key whose post did not fit can be used again; a key that has posted is answered even if the chat is full',
    run: async (make) => {
      const store = await make({ maxChatBytes: 230 })
      const tag = await aChat(store)
      const [first, second] = [postKey(aUser(), 'a'), postKey(aUser(), 'b')]
      const fits = await store.append(tag, 0, message('x'.repeat(60)), first)
      expect(await store.append(tag, 0, message('x'.repeat(160)), second)).toBe('chat-full')
      expect(await store.append(tag, 0, message('x'.repeat(160)), first)).toEqual(fits)
      expect(await store.append(tag, 0, message('x'), second)).toMatchObject({ id: 2 })
    }
  },
  {
    promise: 'a chat accepts messages up to its limit; a refused message is not logged, and knocks are still possible',
    run: async (make) => {
      const store = await make({ maxChatBytes: 1000 })
      const tag = await aChat(store)
      const { notified } = await watched(store, tag)
      const outcomes = []
      for (let count = 0; count < 20; count++) outcomes.push(await store.append(tag, 0, message('x'.repeat(40))))
      const accepted = outcomes.filter((outcome) => typeof outcome === 'object').length
      expect(accepted).toBeGreaterThan(5)
      expect(accepted).toBeLessThan(13)
      expect(outcomes.slice(accepted)).toEqual(Array(20 - accepted).fill('chat-full'))
      await allNotified(store)
      expect(notified).toHaveLength(accepted)
      expect(await texts(store, tag)).toHaveLength(accepted)
      await commitKnock(store, tag)
      expect((await loaded(store, tag)).lastEventId).toBe(accepted + 1)
      await append(store, await aChat(store), 'another chat has room')
    }
  }
]
