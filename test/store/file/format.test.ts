/**
 * Format 1 on disk: every later version must open `fixtures/format-1` and find the content of `fixtures/format-1.json`. The
 * first version with a file store created it on Linux x64 with lmdb 3.5.6: a chat with links, requests and events of all
 * kinds by the rules (`chat/changes.ts`) and the methods of the store, whose arguments and results are the expected
 * values; a chat without events; and, through `records.ts`, a chat with deleted join events and the remains of a removed
 * chat. Then LMDB made a compacted copy. A new format needs another folder; this one is never regenerated.
 */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Door, JoinRequest } from '../../../src/chat/door.ts'
import type { LoggedEvent } from '../../../src/chat/events.ts'
import { type ChatTag, type PostKey, tagOf } from '../../../src/chat/ids.ts'
import { NO_PROFILE } from '../../../src/chat/profile.ts'
import { lmdbDisk } from '../../../src/store/file/lmdb-disk.ts'
import { turns } from '../../support/disks.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { ALL, append, loaded, message, messagesAfter } from '../contract/support.ts'

interface Expected {
  readonly chats: readonly {
    readonly door: Omit<Door, 'requests'> & { readonly requests: readonly JoinRequest[] }
    readonly version: number
    readonly lastEventId: number
    readonly idleSince: number
    readonly newestForgotten: number
    /** Event ids. */
    readonly keys: Readonly<Record<PostKey, number>>
    readonly events: readonly LoggedEvent[]
  }[]
  readonly removed: ChatTag
}

const FIXTURES = join(import.meta.dirname, 'fixtures')
const { chats: asStored, removed }: Expected = JSON.parse(readFileSync(join(FIXTURES, 'format-1.json'), 'utf8'))
/** That version stored U+2028 raw, which is read escaped, and no `from`. */
const chats = asStored.map((chat) => ({
  ...chat,
  events: chat.events.map((event) =>
    event.type === 'message'
      ? { ...event, json: `${event.json.replaceAll('\u2028', '\\u2028').slice(0, -1)},"from":null}` }
      : event
  )
}))

function aCopy(): string {
  const folder = aFolder()
  cpSync(join(FIXTURES, 'format-1'), folder, { recursive: true })
  return folder
}

it('a folder of format 1 is opened with all its content', async () => {
  const store = await opened(aCopy())
  expect(chats).toHaveLength(3)
  for (const { door: expected, version, lastEventId, idleSince, events } of chats) {
    const tag = tagOf(expected.chat)
    const { door, ...rest } = await loaded(store, tag)
    expect({ ...door, requests: [...door.requests.values()] }).toEqual({ ...expected, profile: NO_PROFILE })
    expect(rest).toEqual({ version, lastEventId, idleSince })
    expect(await store.events(tag, 0, { ...ALL, allJoins: false })).toEqual(events)
    const messages = events.flatMap((event) => (event.type === 'message' ? [event.json] : []))
    expect(await messagesAfter(store, tag)).toEqual({
      json: messages.length === 0 ? [] : [Buffer.from(messages.join())],
      count: messages.length,
      upTo: lastEventId,
      hasMore: false
    })
  }
  expect([...(await store.idleChats(1e15, 1e15))].sort()).toEqual(chats.map(({ door }) => tagOf(door.chat)).sort())
})

it('a folder of format 1 can be used further: ids, keys, rights and deleted join events', async () => {
  const folder = aCopy()
  const store = await opened(folder)
  for (const { door, version, lastEventId, newestForgotten, keys, events } of chats) {
    const tag = tagOf(door.chat)
    const { door: now } = await loaded(store, tag)
    for (const key of Object.keys(keys).filter((name) => isKey(name, keys))) {
      const first = events.find(({ id }) => id === keys[key])
      expect(await store.append(tag, now.rights, message('repeated'), key)).toEqual(first)
    }
    expect(await store.events(tag, newestForgotten, ALL)).toEqual(events.filter(({ id }) => id > newestForgotten))
    if (newestForgotten > 0) expect(await store.events(tag, newestForgotten - 1, ALL)).toBe('cursor-unknown')
    expect(await store.append(tag, now.rights + 1, message('without the right'))).toBe('conflict')
    await append(store, tag, 'next')
    expect((await loaded(store, tag)).lastEventId).toBe(lastEventId + 1)
    expect(await store.commit(tag, version, now, [], 0)).toEqual([])
  }
  expect(await store.load(removed)).toBeUndefined()
  await turns(20)
  await store.close()
  const disk = lmdbDisk(folder)
  const left = [...disk.range(Buffer.of(0), Buffer.of(0xff))].filter(({ key }) => key.includes(removed))
  await disk.close()
  expect(left).toEqual([])
})

function isKey(name: string, keys: Readonly<Record<PostKey, number>>): name is PostKey {
  return name in keys
}
