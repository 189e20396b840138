/** Reading the log in pages, after any event. */
import { expect } from 'vitest'
import { approve, changeProfile, decline } from '../../../src/chat/changes.ts'
import { isForgettable, type LoggedEvent } from '../../../src/chat/events.ts'
import type { ChatTag } from '../../../src/chat/ids.ts'
import type { Store } from '../../../src/chat/store.ts'
import { changed, withKnock, withLink } from '../../support/doors.ts'
import {
  ALL,
  aChat,
  append,
  type Check,
  commitKnock,
  ids,
  loaded,
  message,
  messagesAfter,
  NOON,
  texts,
  textsIn
} from './support.ts'

const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

/** All events after an event, read in pages of 64 KiB. */
async function replayed(
  store: Store,
  tag: ChatTag,
  after: number,
  allJoins: boolean
): Promise<LoggedEvent[] | 'cursor-unknown' | 'gone'> {
  const all: LoggedEvent[] = []
  for (let cursor = after; ; cursor = all.at(-1)?.id ?? after) {
    const events = await store.events(tag, cursor, { maxBytes: 65_536, allJoins })
    if (typeof events === 'string') return events
    if (events.length === 0) return all
    expect(events.at(-1)?.id).toBeGreaterThan(cursor)
    all.push(...events)
  }
}

function idsOf(events: readonly LoggedEvent[] | string): number[] {
  if (typeof events === 'string') throw new Error(events)
  return events.map(({ id }) => id)
}

/** Compares strings, which is much faster than comparing a thousand numbers. */
function expectIds(found: readonly number[], expected: readonly number[]): void {
  expect(found.join()).toBe(expected.join())
}

/** More than a thousand join events with messages between them. The latest thousand have the ids 6 to 605 and 607 to 1006. */
async function aLongLog(store: Store): Promise<{ tag: ChatTag; messages: readonly number[]; last: number }> {
  const tag = await aChat(store)
  await append(store, tag, 'a')
  await commitKnock(store, tag, { count: 3 })
  await append(store, tag, 'b')
  await commitKnock(store, tag, { count: 600 })
  await append(store, tag, 'c')
  await commitKnock(store, tag, { count: 400 })
  await append(store, tag, 'd')
  return { tag, messages: [1, 5, 606, 1007], last: 1007 }
}

/** The arguments for a commit of an admission, another title, a knock and a removal. Only the knock can be forgotten. */
async function somethingToKeep(store: Store, tag: ChatTag) {
  const { door, version } = await loaded(store, tag)
  const invited = withLink(door, door.owner)
  const { door: asked, request } = withKnock(invited.door, invited.link)
  const admitted = changed(approve(asked, request, door.owner, 3))
  const titled = changed(changeProfile(admitted.door, door.owner, { title: 'Garden party' }))
  const another = withKnock(titled.door, invited.link)
  const removed = changed(decline(another.door, request, door.owner, 4))
  const knock = { type: 'join_request', request: another.request } as const
  return { door: removed.door, version, events: [...admitted.events, ...titled.events, knock, ...removed.events] }
}

export const READING: readonly Check[] = [
  {
    promise: 'events are read in order after any event, and there are none after the last',
    run: async (make) => {
      const store = await make()
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
    promise: 'a page of events is limited in bytes, but never empty before the end',
    run: async (make) => {
      const store = await make()
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
    promise:
      'messages are read in pages: a number of messages after an event, and the event up to which the page is complete',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await commitKnock(store, tag)
      await append(store, tag, 'a')
      await commitKnock(store, tag)
      await append(store, tag, 'b')
      await append(store, tag, 'c')
      await commitKnock(store, tag)
      expect(await texts(store, tag)).toEqual(['a', 'b', 'c'])
      expect(await messagesAfter(store, tag, 0)).toMatchObject({ upTo: 6, hasMore: false })
      expect(await texts(store, tag, 0, { limit: 2 })).toEqual(['a', 'b'])
      expect(await messagesAfter(store, tag, 0, { limit: 2 })).toMatchObject({ upTo: 4, hasMore: true })
      expect(await texts(store, tag, 4, { limit: 2 })).toEqual(['c'])
      expect(await messagesAfter(store, tag, 4, { limit: 1 })).toMatchObject({ upTo: 6, hasMore: false })
      expect(await texts(store, tag, 6)).toEqual([])
      expect(await messagesAfter(store, tag, 3, { limit: 3 })).toMatchObject({ upTo: 6, hasMore: false })
    }
  },
  {
    promise: 'a page of messages is limited in bytes, but contains at least one message, and knows how many it has',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      for (let count = 0; count < 20; count++) await append(store, tag, `${count}${'x'.repeat(80)}`)
      const all: string[] = []
      for (let after = 0, hasMore = true; hasMore; ) {
        const page = await messagesAfter(store, tag, after, { maxBytes: 500, upTo: 19 })
        if (typeof page === 'string') throw new Error(page)
        expect(page.count).toBe(textsIn(page).length)
        if (page.hasMore) expect(page.count).toBe(3)
        all.push(...textsIn(page))
        after = page.upTo
        hasMore = page.hasMore
      }
      expect(all.map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: 19 }, (_, index) => index))
      expect(await texts(store, tag, 0, { maxBytes: 1, limit: 5 })).toHaveLength(1)
      expect(await texts(store, tag, 0, { maxBytes: 500, limit: 2 })).toHaveLength(2)
      expect(await messagesAfter(store, tag, 20)).toEqual({ json: [], count: 0, upTo: 20, hasMore: false })
    }
  },
  {
    promise: 'the newest messages are found, also those before an event that need not be one of the log',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      expect(await store.newestMessages(tag, { count: 3 })).toEqual({ from: 1, hasOlder: false })
      for (const text of ['a', 'b']) await append(store, tag, text)
      await commitKnock(store, tag)
      for (const text of ['c', 'd', 'e']) await append(store, tag, text)
      await commitKnock(store, tag)
      const cases = [
        { newest: { count: 2 }, from: 5, hasOlder: true },
        { newest: { count: 3 }, from: 4, hasOlder: true },
        { newest: { count: 4 }, from: 2, hasOlder: true },
        { newest: { count: 5 }, from: 1, hasOlder: false },
        { newest: { count: 60 }, from: 1, hasOlder: false },
        { newest: { count: 2, before: 5 }, from: 2, hasOlder: true },
        { newest: { count: 2, before: 4 }, from: 1, hasOlder: false },
        { newest: { count: 2, before: 1 }, from: 1, hasOlder: false },
        { newest: { count: 2, before: 0 }, from: 0, hasOlder: false },
        { newest: { count: 1, before: 900 }, from: 6, hasOlder: true },
        { newest: { count: 1, upTo: 4 }, from: 4, hasOlder: true },
        { newest: { count: 2, upTo: 4, before: 6 }, from: 2, hasOlder: true }
      ]
      for (const { newest, ...found } of cases) expect(await store.newestMessages(tag, newest)).toEqual(found)
      const page = await store.messages(tag, { from: 3 }, { ...ALL, limit: 2 })
      expect(textsIn(page)).toEqual(['c', 'd'])
      expect(textsIn(await store.messages(tag, { from: 5 }, { ...ALL, upTo: 4 }))).toEqual([])
    }
  },
  {
    promise: 'a page does not change when something is posted later',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'first')
      const page = await messagesAfter(store, tag, 0)
      if (typeof page === 'string') throw new Error(page)
      const before = Buffer.concat(page.json).toString()
      for (let count = 0; count < 50; count++) await store.append(tag, 0, message('later'))
      expect(Buffer.concat(page.json).toString()).toBe(before)
    }
  },
  {
    promise: 'a cursor that is not an event of the log is unknown',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'hello')
      for (const cursor of [2, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(await store.events(tag, cursor, ALL)).toBe('cursor-unknown')
        expect(await messagesAfter(store, tag, cursor)).toBe('cursor-unknown')
      }
    }
  },
  {
    promise: 'a page of messages ends at `upTo`, also with a limit, and a cursor after `upTo` is unknown',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'a')
      await append(store, tag, 'b')
      await commitKnock(store, tag)
      await append(store, tag, 'c')
      const pages = [
        { after: 0, page: { upTo: 2 }, expected: ['a', 'b'], upTo: 2, hasMore: false },
        { after: 0, page: { upTo: 3 }, expected: ['a', 'b'], upTo: 3, hasMore: false },
        { after: 1, page: { upTo: 3 }, expected: ['b'], upTo: 3, hasMore: false },
        { after: 0, page: { upTo: 3, limit: 1 }, expected: ['a'], upTo: 1, hasMore: true },
        { after: 0, page: { upTo: 3, limit: 2 }, expected: ['a', 'b'], upTo: 3, hasMore: false },
        { after: 0, page: { upTo: 3, limit: 3 }, expected: ['a', 'b'], upTo: 3, hasMore: false },
        { after: 3, page: { upTo: 3 }, expected: [], upTo: 3, hasMore: false },
        { after: 0, page: { upTo: 0 }, expected: [], upTo: 0, hasMore: false },
        { after: 2, page: { upTo: 4, limit: 1 }, expected: ['c'], upTo: 4, hasMore: false }
      ]
      for (const { after, page, expected, upTo, hasMore } of pages) {
        expect(await texts(store, tag, after, page)).toEqual(expected)
        expect(await messagesAfter(store, tag, after, page)).toMatchObject({ upTo, hasMore })
      }
      expect(await messagesAfter(store, tag, 3, { upTo: 2 })).toBe('cursor-unknown')
      expect(await messagesAfter(store, tag, 4, { upTo: 3, limit: 1 })).toBe('cursor-unknown')
    }
  },
  {
    promise: 'a page of events ends at `upTo`, and a cursor after `upTo` is unknown',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'a')
      await commitKnock(store, tag)
      for (const text of ['b', 'c']) await append(store, tag, text)
      const upTo = async (after: number, upTo: number, allJoins: boolean) => {
        const events = await store.events(tag, after, { ...ALL, upTo, allJoins })
        return typeof events === 'string' ? events : idsOf(events)
      }
      for (const allJoins of [true, false]) {
        expect(await upTo(0, 3, allJoins)).toEqual([1, 2, 3])
        expect(await upTo(1, 2, allJoins)).toEqual([2])
        expect(await upTo(0, 1, allJoins)).toEqual([1])
        expect(await upTo(3, 4, allJoins)).toEqual([4])
        expect(await upTo(2, 2, allJoins)).toEqual([])
        expect(await upTo(0, 0, allJoins)).toEqual([])
        expect(await upTo(3, 2, allJoins)).toBe('cursor-unknown')
      }
    }
  },
  {
    promise: 'the latest thousand join events are kept, with all messages between them',
    run: async (make) => {
      const store = await make()
      const { tag, last } = await aLongLog(store)
      for (const after of [5, 1000]) {
        expectIds(idsOf(await replayed(store, tag, after, true)), from(after + 1, last))
      }
    }
  },
  {
    promise: 'with `allJoins`, the page has all join events or the cursor is unknown',
    run: async (make) => {
      const store = await make()
      const { tag, last } = await aLongLog(store)
      for (const after of [0, 3]) {
        const events = await replayed(store, tag, after, true)
        if (events !== 'cursor-unknown') expectIds(idsOf(events), from(after + 1, last))
      }
    }
  },
  {
    promise: 'admissions, their ends and new titles are kept forever, in order, however many knocks follow',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const { door, events, version } = await somethingToKeep(store, tag)
      expect(await store.commit(tag, version, door, events, NOON)).toHaveLength(4)
      for (let batch = 0; batch < 5; batch++) {
        await commitKnock(store, tag, { count: 250 })
        await append(store, tag, `${batch}`)
      }
      await store.commit(tag, (await loaded(store, tag)).version, door, events.slice(0, 1), NOON)
      const { lastEventId: last } = await loaded(store, tag)
      const kept = await replayed(store, tag, 0, false)
      if (typeof kept === 'string') throw new Error(kept)
      expect(kept.filter(({ id }) => id < 5)).toEqual(
        events.map((event, index) => ({ ...event, id: index + 1 })).filter((event) => !isForgettable(event))
      )
      expect(kept.at(-1)).toEqual({ ...events[0], id: last })
      expectIds(idsOf(await replayed(store, tag, last - 600, true)), from(last - 599, last))
    }
  },
  {
    promise: 'messages are kept forever: without `allJoins`, all messages after any event are read, in order',
    run: async (make) => {
      const store = await make()
      const { tag, messages, last } = await aLongLog(store)
      for (const after of [0, 2, 700]) {
        const events = await replayed(store, tag, after, false)
        const found = idsOf(events)
        expectIds(
          found,
          [...new Set(found)].sort((one, other) => one - other)
        )
        expectIds(
          found.filter((id) => id > 5),
          from(Math.max(after, 5) + 1, last)
        )
        expect(found.filter((id) => messages.includes(id))).toEqual(messages.filter((id) => id > after))
      }
      expect(await texts(store, tag)).toEqual(['a', 'b', 'c', 'd'])
    }
  }
]
