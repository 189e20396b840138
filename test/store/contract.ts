/**
 * What every store promises (`src/store/store.ts`), as a list of checks. A store's own test file runs them all against
 * what its factory makes; `broken-stores.test.ts` runs them against stores with one promise broken each.
 */
import { expect } from 'vitest'
import { type Door, newDoor } from '../../src/chat/door.ts'
import type { JoinEvent, LoggedEvent } from '../../src/chat/events.ts'
import { type ChatTag, postKey, tagOf } from '../../src/ids.ts'
import type { LoadedChat, NewMessage, Store } from '../../src/store/store.ts'
import { aDoor, aUser, withKnock, withLink, withMember } from '../support/doors.ts'

export interface Limits {
  readonly maxChatBytes: number
  readonly maxStoreBytes: number
}

export const ROOMY: Limits = { maxChatBytes: 1_000_000, maxStoreBytes: 10_000_000 }

/** A fresh, empty store with these limits. */
type StoreFactory = (limits: Limits) => Store | Promise<Store>

interface Check {
  readonly promise: string
  readonly run: (make: StoreFactory) => Promise<void>
}

const MORE_THAN_ENOUGH = 1_000_000
const NOON = Date.UTC(2026, 10, 22, 12)

const message = (text: string, createdAt = NOON): NewMessage => ({ text, createdAt })

async function aChat(store: Store, door: Door = aDoor().door): Promise<ChatTag> {
  expect(await store.create(door)).toBe('created')
  return tagOf(door.chat)
}

async function loaded(store: Store, tag: ChatTag): Promise<LoadedChat> {
  const chat = await store.load(tag)
  if (chat === undefined) throw new Error('the chat is not there')
  return chat
}

async function append(store: Store, tag: ChatTag, text: string): Promise<void> {
  const { door } = await loaded(store, tag)
  expect(await store.append(tag, door.rights, message(text))).toMatchObject({ type: 'message' })
}

/** Somebody knocks; what a commit of it takes. */
async function aKnock(store: Store, tag: ChatTag): Promise<{ version: number; door: Door; events: JoinEvent[] }> {
  const { door, version } = await loaded(store, tag)
  const invited = withLink(door, door.owner)
  const { door: knocked, request } = withKnock(invited.door, invited.link)
  return { version, door: knocked, events: [{ type: 'join_request', request }] }
}

async function commitKnock(store: Store, tag: ChatTag): Promise<void> {
  const { version, door, events } = await aKnock(store, tag)
  expect(await store.commit(tag, version, door, events)).toHaveLength(1)
}

async function texts(store: Store, tag: ChatTag, after = 0, limit?: number): Promise<string[]> {
  const page = await store.messages(tag, after, limit)
  if (typeof page === 'string') throw new Error(page)
  const messages: { text: string }[] = JSON.parse(`[${Buffer.from(page.json)}]`)
  return messages.map(({ text }) => text)
}

async function ids(store: Store, tag: ChatTag, after: number, maxBytes = MORE_THAN_ENOUGH): Promise<number[]> {
  const events = await store.events(tag, after, maxBytes)
  if (typeof events === 'string') throw new Error(events)
  return events.map(({ id }) => id)
}

async function watched(store: Store, tag: ChatTag) {
  const told: LoggedEvent[] = []
  const unwatch = await store.watch(tag, (events) => told.push(...events))
  if (unwatch === 'gone') throw new Error('the chat is not there')
  return { told, unwatch, toldIds: () => told.map(({ id }) => id) }
}

export const CONTRACT: readonly Check[] = [
  {
    promise: 'a new chat is loaded as it was made, with nothing in its log',
    run: async (make) => {
      const store = await make(ROOMY)
      const { door } = aDoor()
      const tag = await aChat(store, door)
      expect(await loaded(store, tag)).toMatchObject({ door, lastEventId: 0 })
      expect(await store.events(tag, 0, MORE_THAN_ENOUGH)).toEqual([])
      expect(await texts(store, tag)).toEqual([])
    }
  },
  {
    promise: 'a tag is given once: a second chat with it is refused and changes nothing',
    run: async (make) => {
      const store = await make(ROOMY)
      const { door } = aDoor()
      const tag = await aChat(store, door)
      expect(await store.create(newDoor(door.chat, aUser(), 1))).toBe('taken')
      expect((await loaded(store, tag)).door).toEqual(door)
    }
  },
  {
    promise: 'chats know nothing of each other',
    run: async (make) => {
      const store = await make(ROOMY)
      const [one, other] = [await aChat(store), await aChat(store)]
      const { told } = await watched(store, other)
      await append(store, one, 'hello')
      await commitKnock(store, one)
      expect(await loaded(store, other)).toMatchObject({ lastEventId: 0, door: { links: [] } })
      expect(await texts(store, other)).toEqual([])
      expect(told).toEqual([])
    }
  },
  {
    promise: 'what does not exist is undefined or gone, for everything',
    run: async (make) => {
      const store = await make(ROOMY)
      const { door } = aDoor()
      const tag = tagOf(door.chat)
      expect(await store.load(tag)).toBeUndefined()
      expect(await store.commit(tag, 1, door, [])).toBe('gone')
      expect(await store.append(tag, 0, message('hello'))).toBe('gone')
      expect(await store.events(tag, 0, 1)).toBe('gone')
      expect(await store.messages(tag, 0)).toBe('gone')
      expect(await store.watch(tag, () => {})).toBe('gone')
    }
  },
  {
    promise: 'a commit keeps the door and logs what happened at it, with the next ids',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      await append(store, tag, 'hello')
      const { version, door, events } = await aKnock(store, tag)
      const logged = events.map((event) => ({ ...event, id: 2 }))
      expect(await store.commit(tag, version, door, events)).toEqual(logged)
      expect(await loaded(store, tag)).toMatchObject({ door, lastEventId: 2 })
      expect(await store.events(tag, 1, MORE_THAN_ENOUGH)).toEqual(logged)
    }
  },
  {
    promise: 'a commit on a door that has changed is a conflict and does nothing',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const stale = await aKnock(store, tag)
      await commitKnock(store, tag)
      const before = await loaded(store, tag)
      const { toldIds } = await watched(store, tag)
      expect(await store.commit(tag, stale.version, stale.door, stale.events)).toBe('conflict')
      expect(await loaded(store, tag)).toEqual(before)
      expect(await ids(store, tag, 0)).toEqual([1])
      expect(toldIds()).toEqual([])
    }
  },
  {
    promise: 'of commits on the same door at the same time exactly one wins',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const knocks = await Promise.all(Array.from({ length: 8 }, () => aKnock(store, tag)))
      const outcomes = await Promise.all(knocks.map((one) => store.commit(tag, one.version, one.door, one.events)))
      expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(7)
      expect(await ids(store, tag, 0)).toEqual([1])
    }
  },
  {
    promise: 'a message is logged as JSON with the next id, its text exactly as it was',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const texts = ['plain', 'Grüße 👋\u0000\n"\\', '\u2028 "id": 1 </script>']
      for (const [index, text] of texts.entries()) {
        const logged = await store.append(tag, 0, message(text, NOON + index))
        if (typeof logged === 'string') throw new Error(logged)
        expect(logged.id).toBe(index + 1)
        const created_at = `2026-11-22T12:00:00.00${index}Z`
        expect(JSON.parse(logged.json)).toEqual({ id: index + 1, text, created_at })
        expect(await store.events(tag, index, MORE_THAN_ENOUGH)).toEqual([logged])
      }
    }
  },
  {
    promise: 'messages do not change the version: posters conflict with nobody',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const { version, door, events } = await aKnock(store, tag)
      await append(store, tag, 'meanwhile')
      expect(await store.commit(tag, version, door, events)).toMatchObject([{ id: 2 }])
      expect(await store.append(tag, 0, message('still'))).toMatchObject({ id: 3 })
    }
  },
  {
    promise: 'a message on rights that have changed is a conflict and is not logged',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const { door, version } = await loaded(store, tag)
      await store.commit(tag, version, { ...door, rights: 1 }, [])
      expect(await store.append(tag, 0, message('late'))).toBe('conflict')
      expect(await loaded(store, tag)).toMatchObject({ lastEventId: 0 })
      expect(await store.append(tag, 1, message('in time'))).toMatchObject({ id: 1 })
    }
  },
  {
    promise: 'a key posts once: again, or at the same moment, it logs and tells nothing and gives the first message',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const { toldIds } = await watched(store, tag)
      const key = postKey(aUser(), 'once')
      const post = (text: string) => store.append(tag, 0, message(text), key)
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => post('hello')))
      await append(store, tag, 'meanwhile')
      outcomes.push(await post('hello'), await post('another text'))
      expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1)
      expect(outcomes[0]).toMatchObject({ type: 'message', id: 1 })
      expect(await texts(store, tag)).toEqual(['hello', 'meanwhile'])
      expect(toldIds()).toEqual([1, 2])
    }
  },
  {
    promise: 'a key is of one chat, another key is another post, and rights come first',
    run: async (make) => {
      const store = await make(ROOMY)
      const [one, other] = [await aChat(store), await aChat(store)]
      const [key, another] = [postKey(aUser(), 'a'), postKey(aUser(), 'a')]
      for (const tag of [one, other]) expect(await store.append(tag, 0, message('x'), key)).toMatchObject({ id: 1 })
      expect(await store.append(one, 0, message('x'), another)).toMatchObject({ id: 2 })
      expect(await store.append(one, 1, message('x'), key)).toBe('conflict')
    }
  },
  {
    promise: 'a key that was refused for want of room has posted nothing; one that has posted is answered without room',
    run: async (make) => {
      const store = await make({ ...ROOMY, maxChatBytes: 200 })
      const tag = await aChat(store)
      const [first, second] = [postKey(aUser(), 'a'), postKey(aUser(), 'b')]
      const fits = await store.append(tag, 0, message('x'.repeat(60)), first)
      expect(await store.append(tag, 0, message('x'.repeat(160)), second)).toBe('chat-full')
      expect(await store.append(tag, 0, message('x'.repeat(160)), first)).toEqual(fits)
      expect(await store.append(tag, 0, message('x'), second)).toMatchObject({ id: 2 })
    }
  },
  {
    promise: 'a commit without events changes the door alone',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const before = await loaded(store, tag)
      const { door } = withLink(before.door)
      expect(await store.commit(tag, before.version, door, [])).toEqual([])
      const after = await loaded(store, tag)
      expect(after).toMatchObject({ door, lastEventId: 0 })
      expect(after.version).toBeGreaterThan(before.version)
    }
  },
  {
    promise: 'what was loaded stays as it was, whatever is committed later',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const before = await loaded(store, tag)
      const copy = structuredClone(before)
      await commitKnock(store, tag)
      await append(store, tag, 'hello')
      expect(before).toEqual(copy)
    }
  },
  {
    promise: 'a door keeps everything: links, requests in their order, names and decisions',
    run: async (make) => {
      const store = await make(ROOMY)
      const { door } = aDoor()
      const tag = await aChat(store, door)
      const { version } = await loaded(store, tag)
      const invited = withLink(withLink(door).door, door.owner)
      const first = withKnock(invited.door, invited.link)
      const second = withMember(first.door, invited.link)
      await store.commit(tag, version, second.door, [])
      const kept = (await loaded(store, tag)).door
      expect(kept).toEqual(second.door)
      expect([...kept.requests.values()]).toEqual([first.request, second.request])
    }
  },
  {
    promise: 'events come in order, from any event on, and none after the last',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      for (const text of ['a', 'b']) await append(store, tag, text)
      await commitKnock(store, tag)
      await append(store, tag, 'c')
      expect(await ids(store, tag, 0)).toEqual([1, 2, 3, 4])
      expect(await ids(store, tag, 2)).toEqual([3, 4])
      expect(await ids(store, tag, 4)).toEqual([])
    }
  },
  {
    promise: 'a page of events is bounded by bytes, yet never empty before the end',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      for (let count = 0; count < 20; count++) await append(store, tag, 'x'.repeat(100))
      const page = await ids(store, tag, 0, 500)
      expect(page.length).toBeGreaterThan(1)
      expect(page.length).toBeLessThan(6)
      expect(await ids(store, tag, 5, 1)).toEqual([6])
      const all: number[] = []
      for (let more = page; more.length > 0; more = await ids(store, tag, all.at(-1) ?? 0, 500)) all.push(...more)
      expect(all).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    }
  },
  {
    promise: 'messages are paged: so many after an event, with the event up to which the page is complete',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      await commitKnock(store, tag)
      await append(store, tag, 'a')
      await commitKnock(store, tag)
      await append(store, tag, 'b')
      await append(store, tag, 'c')
      await commitKnock(store, tag)
      expect(await texts(store, tag)).toEqual(['a', 'b', 'c'])
      expect(await store.messages(tag, 0)).toMatchObject({ upTo: 6, hasMore: false })
      expect(await texts(store, tag, 0, 2)).toEqual(['a', 'b'])
      expect(await store.messages(tag, 0, 2)).toMatchObject({ upTo: 4, hasMore: true })
      expect(await texts(store, tag, 4, 2)).toEqual(['c'])
      expect(await store.messages(tag, 4, 1)).toMatchObject({ upTo: 6, hasMore: false })
      expect(await texts(store, tag, 6)).toEqual([])
      expect(await store.messages(tag, 3, 3)).toMatchObject({ upTo: 6, hasMore: false })
    }
  },
  {
    promise: 'a page stays as it was, whatever is posted later',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      await append(store, tag, 'first')
      const page = await store.messages(tag, 0)
      if (typeof page === 'string') throw new Error(page)
      const before = Buffer.from(page.json).toString()
      for (let count = 0; count < 200; count++) await append(store, tag, 'later')
      expect(Buffer.from(page.json).toString()).toBe(before)
    }
  },
  {
    promise: 'a cursor that is no event of the log is said to be unknown',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      await append(store, tag, 'hello')
      for (const cursor of [2, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(await store.events(tag, cursor, MORE_THAN_ENOUGH)).toBe('cursor-unknown')
        expect(await store.messages(tag, cursor)).toBe('cursor-unknown')
      }
    }
  },
  {
    promise: 'who watches is told every event once, in order, as it was logged',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      await append(store, tag, 'before')
      const { told, toldIds } = await watched(store, tag)
      await append(store, tag, 'hello')
      await commitKnock(store, tag)
      await append(store, tag, 'again')
      expect(toldIds()).toEqual([2, 3, 4])
      expect(told).toEqual(await store.events(tag, 1, MORE_THAN_ENOUGH))
    }
  },
  {
    promise: 'who watches is told in order, each once, also of what is committed at the same time',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const { toldIds } = await watched(store, tag)
      const knocking = aKnock(store, tag).then((one) => store.commit(tag, one.version, one.door, one.events))
      await Promise.all([knocking, ...Array.from({ length: 20 }, () => append(store, tag, 'hello'))])
      expect(toldIds()).toEqual(Array.from({ length: 21 }, (_, index) => index + 1))
      expect(toldIds()).toEqual(await ids(store, tag, 0))
    }
  },
  {
    promise: 'each who watches is told, the same listener twice too, and nothing after it unwatched',
    run: async (make) => {
      const store = await make(ROOMY)
      const tag = await aChat(store)
      const told: number[] = []
      const listener = (events: readonly LoggedEvent[]) => told.push(...events.map(({ id }) => id))
      const first = await store.watch(tag, listener)
      const second = await store.watch(tag, listener)
      if (first === 'gone' || second === 'gone') throw new Error('the chat is not there')
      await append(store, tag, 'hello')
      expect(told).toEqual([1, 1])
      first()
      first()
      await append(store, tag, 'again')
      expect(told).toEqual([1, 1, 2])
      second()
      await append(store, tag, 'unheard')
      expect(told).toEqual([1, 1, 2])
    }
  },
  {
    promise: 'a chat takes messages up to its limit and not beyond; what is refused is not logged, and knocks go on',
    run: async (make) => {
      const store = await make({ ...ROOMY, maxChatBytes: 1000 })
      const tag = await aChat(store)
      const { toldIds } = await watched(store, tag)
      const outcomes = []
      for (let count = 0; count < 20; count++) outcomes.push(await store.append(tag, 0, message('x'.repeat(40))))
      const taken = outcomes.filter((outcome) => typeof outcome === 'object').length
      expect(taken).toBeGreaterThan(5)
      expect(taken).toBeLessThan(13)
      expect(outcomes.slice(taken)).toEqual(Array(20 - taken).fill('chat-full'))
      expect(toldIds()).toHaveLength(taken)
      expect(await texts(store, tag)).toHaveLength(taken)
      await commitKnock(store, tag)
      expect((await loaded(store, tag)).lastEventId).toBe(taken + 1)
      await append(store, await aChat(store), 'another chat has room')
    }
  },
  {
    promise: 'it can be reached',
    run: async (make) => {
      const store = await make(ROOMY)
      await store.ping()
    }
  }
]
