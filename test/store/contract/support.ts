/** Helpers for tests of stores: they create chats with content and read them. */
import { expect } from 'vitest'
import type { Door } from '../../../src/chat/door.ts'
import type { JoinEvent, LoggedEvent } from '../../../src/chat/events.ts'
import { type ChatTag, readChatId, tagOf } from '../../../src/chat/ids.ts'
import type { EventsPage, LoadedChat, MessagePage, MessagesPage, NewMessage, Store } from '../../../src/chat/store.ts'
import { aDoor, withKnock, withLink } from '../../support/doors.ts'
import { eventually } from '../../support/eventually.ts'
import type { Limits } from '../contract.ts'

export interface Check {
  readonly promise: string
  /** `make` creates an empty store with these limits; the others are `ROOMY`. */
  readonly run: (make: (limits?: Partial<Limits>) => Promise<Store>) => Promise<void>
}

export const ALL: EventsPage = { maxBytes: 1_000_000, allJoins: true }
export const NOON = Date.UTC(2026, 10, 22, 12)

export const message = (text: string, createdAt = NOON): NewMessage => ({ from: 'owner', text, createdAt })

export function tagIn(chatUrl: string): ChatTag {
  const id = readChatId(new URL(chatUrl).pathname.split('/').at(-1) ?? '')
  if (id === undefined) throw new Error(`no chat: ${chatUrl}`)
  return tagOf(id)
}

export async function aChat(store: Store, door: Door = aDoor().door): Promise<ChatTag> {
  expect(await store.create(door)).toBe('created')
  return tagOf(door.chat)
}

export async function loaded(store: Store, tag: ChatTag): Promise<LoadedChat> {
  const chat = await store.load(tag)
  if (chat === undefined) throw new Error('the chat does not exist')
  return chat
}

export async function append(store: Store, tag: ChatTag, text: string, createdAt = NOON): Promise<void> {
  const { door } = await loaded(store, tag)
  expect(await store.append(tag, door.rights, message(text, createdAt))).toMatchObject({ type: 'message' })
}

/** The arguments for a commit of a knock at a new link. */
export async function aKnock(
  store: Store,
  tag: ChatTag
): Promise<{ version: number; door: Door; events: JoinEvent[] }> {
  const { door, version } = await loaded(store, tag)
  const invited = withLink(door, door.owner)
  const { door: knocked, request } = withKnock(invited.door, invited.link)
  return { version, door: knocked, events: [{ type: 'join_request', request }] }
}

/** `count`: how often the event is logged, for a long log. */
export async function commitKnock(store: Store, tag: ChatTag, { now = NOON, count = 1 } = {}): Promise<void> {
  const { version, door, events } = await aKnock(store, tag)
  const all = Array.from({ length: count }, () => events).flat()
  expect(await store.commit(tag, version, door, all, now)).toHaveLength(count)
}

/** A page of messages with room for all of them, unless `page` limits it. */
export const messagesAfter = (store: Store, tag: ChatTag, after = 0, page: Partial<MessagesPage> = {}) =>
  store.messages(tag, { after }, { maxBytes: ALL.maxBytes, ...page })

export async function texts(store: Store, tag: ChatTag, after = 0, page?: Partial<MessagesPage>): Promise<string[]> {
  return textsIn(await messagesAfter(store, tag, after, page))
}

export function textsIn(found: MessagePage | string): string[] {
  if (typeof found === 'string') throw new Error(found)
  const messages: { text: string }[] = JSON.parse(`[${Buffer.concat(found.json)}]`)
  return messages.map(({ text }) => text)
}

export async function ids(store: Store, tag: ChatTag, after: number, maxBytes = ALL.maxBytes): Promise<number[]> {
  const events = await store.events(tag, after, { ...ALL, maxBytes })
  if (typeof events === 'string') throw new Error(events)
  return events.map(({ id }) => id)
}

/** Watches a chat and records its events, and all notifications (events by their ids). */
export async function watched(store: Store, tag: ChatTag) {
  const events: LoggedEvent[] = []
  const notified: (number | 'reset' | 'gone')[] = []
  const unwatch = await store.watch(tag, (notification) => {
    if (typeof notification !== 'string') events.push(...notification)
    notified.push(...(typeof notification === 'string' ? [notification] : notification.map(({ id }) => id)))
  })
  if (unwatch === 'gone') throw new Error('the chat does not exist')
  return { events, notified, unwatch }
}

/**
 * Waits until watchers have been notified of everything that was committed, because a store can answer before that. A
 * store of two processes (`inTurn`) alternates between them, so this waits for two notifications.
 */
export async function allNotified(store: Store): Promise<void> {
  for (let process = 0; process < 2; process++) {
    const tag = await aChat(store)
    const { notified, unwatch } = await watched(store, tag)
    await append(store, tag, 'one')
    await append(store, tag, 'two')
    await eventually(() => notified.length > 0, 'a watcher is notified', { everyMs: 1 })
    unwatch()
    await store.remove(tag)
  }
}

/** Expects that no method finds this chat. */
export async function expectGone(store: Store, door: Door): Promise<void> {
  const tag = tagOf(door.chat)
  expect(await store.load(tag)).toBeUndefined()
  expect(await store.commit(tag, 1, door, [], NOON)).toBe('gone')
  expect(await store.append(tag, door.rights, message('hello'))).toBe('gone')
  expect(await store.events(tag, 0, ALL)).toBe('gone')
  expect(await messagesAfter(store, tag)).toBe('gone')
  expect(await store.newestMessages(tag, { count: 1 })).toBe('gone')
  expect(await store.watch(tag, () => {})).toBe('gone')
  expect(await store.remove(tag)).toBe(false)
}
