/** What the checks of the contract have in common: chats with something in them, and ways to look into them. */
import { expect } from 'vitest'
import type { Door } from '../../../src/chat/door.ts'
import type { JoinEvent, LoggedEvent } from '../../../src/chat/events.ts'
import { type ChatTag, tagOf } from '../../../src/chat/ids.ts'
import type { EventsPage, LoadedChat, MessagesPage, NewMessage, Store } from '../../../src/chat/store.ts'
import { aDoor, withKnock, withLink } from '../../support/doors.ts'
import type { Limits } from '../contract.ts'

export interface Check {
  readonly promise: string
  /** `make` gives a fresh, empty store with these limits, and roomy ones otherwise. */
  readonly run: (make: (limits?: Partial<Limits>) => Promise<Store>) => Promise<void>
}

const PATIENCE_MS = 5000

export const ALL: EventsPage = { maxBytes: 1_000_000, allJoins: true }
export const NOON = Date.UTC(2026, 10, 22, 12)

export const message = (text: string, createdAt = NOON): NewMessage => ({ text, createdAt })

export async function aChat(store: Store, door: Door = aDoor().door): Promise<ChatTag> {
  expect(await store.create(door)).toBe('created')
  return tagOf(door.chat)
}

export async function loaded(store: Store, tag: ChatTag): Promise<LoadedChat> {
  const chat = await store.load(tag)
  if (chat === undefined) throw new Error('the chat is not there')
  return chat
}

export async function append(store: Store, tag: ChatTag, text: string, createdAt = NOON): Promise<void> {
  const { door } = await loaded(store, tag)
  expect(await store.append(tag, door.rights, message(text, createdAt))).toMatchObject({ type: 'message' })
}

/** Somebody knocks; what a commit of it takes. */
export async function aKnock(
  store: Store,
  tag: ChatTag
): Promise<{ version: number; door: Door; events: JoinEvent[] }> {
  const { door, version } = await loaded(store, tag)
  const invited = withLink(door, door.owner)
  const { door: knocked, request } = withKnock(invited.door, invited.link)
  return { version, door: knocked, events: [{ type: 'join_request', request }] }
}

/** `count` is for a log that shall be long: that somebody knocked is logged so often. */
export async function commitKnock(store: Store, tag: ChatTag, { now = NOON, count = 1 } = {}): Promise<void> {
  const { version, door, events } = await aKnock(store, tag)
  const all = Array.from({ length: count }, () => events).flat()
  expect(await store.commit(tag, version, door, all, now)).toHaveLength(count)
}

export async function texts(store: Store, tag: ChatTag, after = 0, page?: MessagesPage): Promise<string[]> {
  const found = await store.messages(tag, after, page)
  if (typeof found === 'string') throw new Error(found)
  const messages: { text: string }[] = JSON.parse(`[${Buffer.concat(found.json)}]`)
  return messages.map(({ text }) => text)
}

export async function ids(store: Store, tag: ChatTag, after: number, maxBytes = ALL.maxBytes): Promise<number[]> {
  const events = await store.events(tag, after, { ...ALL, maxBytes })
  if (typeof events === 'string') throw new Error(events)
  return events.map(({ id }) => id)
}

/** What a watcher is told, as it comes: events by their ids. */
export async function watched(store: Store, tag: ChatTag) {
  const told: LoggedEvent[] = []
  const heard: (number | 'reset' | 'gone')[] = []
  const unwatch = await store.watch(tag, (news) => {
    if (typeof news === 'string') heard.push(news)
    else {
      told.push(...news)
      heard.push(...news.map(({ id }) => id))
    }
  })
  if (unwatch === 'gone') throw new Error('the chat is not there')
  return { told, heard, unwatch }
}

/**
 * Until who watches has been told of all that was committed: a store may answer first. Those that stand for several
 * processes take turns, so it is asked of two.
 */
export async function allTold(store: Store): Promise<void> {
  for (let process = 0; process < 2; process++) {
    const tag = await aChat(store)
    const { heard, unwatch } = await watched(store, tag)
    await append(store, tag, 'one')
    await append(store, tag, 'two')
    for (const began = performance.now(); heard.length === 0 && performance.now() - began < PATIENCE_MS; ) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    unwatch()
    await store.remove(tag)
  }
}

/** All that a store says of what does not exist. */
export async function expectGone(store: Store, door: Door): Promise<void> {
  const tag = tagOf(door.chat)
  expect(await store.load(tag)).toBeUndefined()
  expect(await store.commit(tag, 1, door, [], NOON)).toBe('gone')
  expect(await store.append(tag, door.rights, message('hello'))).toBe('gone')
  expect(await store.events(tag, 0, ALL)).toBe('gone')
  expect(await store.messages(tag, 0)).toBe('gone')
  expect(await store.watch(tag, () => {})).toBe('gone')
  expect(await store.remove(tag)).toBe(false)
}
