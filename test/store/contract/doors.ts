/** Creating, loading and committing doors. */
import { expect } from 'vitest'
import { expireLinks, newDoor } from '../../../src/chat/changes.ts'
import { aDoor, aUser, withDeclined, withKnock, withLink, withMember } from '../../support/doors.ts'
import {
  ALL,
  aChat,
  aKnock,
  allNotified,
  append,
  type Check,
  commitKnock,
  expectGone,
  ids,
  loaded,
  NOON,
  texts,
  watched
} from './support.ts'

export const DOORS: readonly Check[] = [
  {
    promise: 'a new chat is loaded as it was created, with an empty log',
    run: async (make) => {
      const store = await make()
      const { door } = aDoor()
      const tag = await aChat(store, door)
      expect(await loaded(store, tag)).toMatchObject({ door, lastEventId: 0 })
      expect(await store.events(tag, 0, ALL)).toEqual([])
      expect(await texts(store, tag)).toEqual([])
    }
  },
  {
    promise: 'a tag is unique: a second chat with the same tag is refused and changes nothing',
    run: async (make) => {
      const store = await make()
      const { door } = aDoor()
      const tag = await aChat(store, door)
      expect(await store.create(newDoor(door.chat, aUser(), 1))).toBe('taken')
      expect((await loaded(store, tag)).door).toEqual(door)
    }
  },
  {
    promise: 'chats are independent of each other',
    run: async (make) => {
      const store = await make()
      const [one, other] = [await aChat(store), await aChat(store)]
      const { events } = await watched(store, other)
      await append(store, one, 'hello')
      await commitKnock(store, one)
      expect(await loaded(store, other)).toMatchObject({ lastEventId: 0, door: { links: [] } })
      expect(await texts(store, other)).toEqual([])
      await allNotified(store)
      expect(events).toEqual([])
    }
  },
  {
    promise: 'for a chat that does not exist, every method answers undefined, gone or false',
    run: async (make) => {
      const store = await make()
      await expectGone(store, aDoor().door)
    }
  },
  {
    promise: 'a commit stores the door and logs its events with the next ids',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      await append(store, tag, 'hello')
      const { version, door, events } = await aKnock(store, tag)
      const logged = events.map((event) => ({ ...event, id: 2 }))
      expect(await store.commit(tag, version, door, events, NOON)).toEqual(logged)
      expect(await loaded(store, tag)).toMatchObject({ door, lastEventId: 2 })
      expect(await store.events(tag, 1, ALL)).toEqual(logged)
    }
  },
  {
    promise: 'a commit for an outdated version is a conflict and changes nothing',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const stale = await aKnock(store, tag)
      await commitKnock(store, tag)
      const before = await loaded(store, tag)
      const { notified } = await watched(store, tag)
      expect(await store.commit(tag, stale.version, stale.door, stale.events, NOON)).toBe('conflict')
      expect(await loaded(store, tag)).toEqual(before)
      expect(await ids(store, tag, 0)).toEqual([1])
      await allNotified(store)
      expect(notified).toEqual([])
    }
  },
  {
    promise: 'of simultaneous commits for the same version exactly one succeeds',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const knocks = await Promise.all(Array.from({ length: 8 }, () => aKnock(store, tag)))
      const outcomes = await Promise.all(
        knocks.map((one) => store.commit(tag, one.version, one.door, one.events, NOON))
      )
      expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(7)
      expect(await ids(store, tag, 0)).toEqual([1])
    }
  },
  {
    promise: 'a commit without events changes only the door',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const before = await loaded(store, tag)
      const { door } = withLink(before.door)
      expect(await store.commit(tag, before.version, door, [], NOON)).toEqual([])
      const after = await loaded(store, tag)
      expect(after).toMatchObject({ door, lastEventId: 0 })
      expect(after.version).toBeGreaterThan(before.version)
    }
  },
  {
    promise: 'a loaded chat does not change when something is committed later',
    run: async (make) => {
      const store = await make()
      const tag = await aChat(store)
      const before = await loaded(store, tag)
      const plain = () => ({ ...before, door: { ...before.door, requests: [...before.door.requests] } })
      const copy = structuredClone(plain())
      await commitKnock(store, tag)
      await append(store, tag, 'hello')
      expect(plain()).toEqual(copy)
    }
  },
  {
    promise: 'a door is stored completely: links, limits and endings, requests in their order, names and decisions',
    run: async (make) => {
      const store = await make()
      const { door, owner } = aDoor()
      const tag = await aChat(store, door)
      const { version } = await loaded(store, tag)
      const invited = withLink(withLink(door).door, owner)
      const first = withKnock(invited.door, invited.link)
      const second = withMember(first.door, invited.link)
      const third = withDeclined(second.door, invited.link)
      const short = withLink(third.door, owner, { expiresAt: NOON })
      const late = withKnock(withLink(short.door, owner, { expiresAt: NOON + 1, maxGuests: 2 }).door, short.link)
      const { door: whole } = expireLinks(late.door, NOON)
      await store.commit(tag, version, whole, [], NOON)
      const stored = (await loaded(store, tag)).door
      expect(stored).toEqual(whole)
      expect([...stored.requests.values()]).toEqual([...whole.requests.values()])
      expect([...stored.requests.values()].slice(0, 3)).toEqual([first.request, second.request, third.request])
    }
  },
  {
    promise: 'a ping succeeds',
    run: async (make) => {
      const store = await make()
      await store.ping()
    }
  }
]
