/**
 * Layouts of chats in Redis. `fixtures/layout-1.rdb` was written by the last version of layout 1 with Redis 7.0, through its
 * service: a chat with links, requests and events of all kinds, a chat without events, and a chat with dropped join events.
 * `fixtures/layout-1.json` is what that version read from it. A new layout needs other files; these are never regenerated.
 */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Door, JoinRequest } from '../../../src/chat/door.ts'
import type { LoggedEvent } from '../../../src/chat/events.ts'
import { type ChatId, chatTag, type LinkId, type RequestId, type UserId } from '../../../src/chat/ids.ts'
import { NO_PROFILE } from '../../../src/chat/profile.ts'
import { createService } from '../../../src/chat/service.ts'
import { openRedisStore } from '../../../src/store/redis/open.ts'
import { aFolder } from '../../support/file-store.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { ALL, loaded, messagesAfter, texts } from '../contract/support.ts'

interface Stored {
  readonly chat: ChatId
  readonly author: UserId
  readonly tag: string
  readonly door: Omit<Door, 'requests'> & { readonly requests: readonly JoinRequest[] }
  readonly version: number
  readonly lastEventId: number
  readonly idleSince: number
}

interface Guest {
  readonly client: UserId
  readonly request: RequestId
  readonly link: LinkId
}

interface Expected {
  readonly whole: Stored & {
    readonly link: LinkId
    readonly member: Guest
    readonly removed: Guest
    readonly pending: Guest
    readonly posts: readonly { user: UserId; text: string; key: string | null; json: string; id: number }[]
    readonly events: readonly LoggedEvent[]
  }
  readonly empty: Stored
  readonly busy: Stored & { readonly forgotten: number }
}

const FIXTURES = join(import.meta.dirname, 'fixtures')
const expected: Expected = JSON.parse(readFileSync(join(FIXTURES, 'layout-1.json'), 'utf8'))

async function aRedisOfLayout1() {
  const folder = aFolder()
  mkdirSync(folder)
  copyFileSync(join(FIXTURES, 'layout-1.rdb'), join(folder, 'dump.rdb'))
  return await aRedis('--dir', folder, '--dbfilename', 'dump.rdb')
}

/** Messages had no `from`. */
const withFrom = (json: string) => `${json.slice(0, -1)},"from":null}`
const asNow = (event: LoggedEvent) => (event.type === 'message' ? { ...event, json: withFrom(event.json) } : event)

const hooks = { onLost: () => undefined, onBack: () => undefined, onFault: () => undefined }
const OPTIONS = { maxChatBytes: 1e6, chatTtlMs: 0, emptyChatTtlMs: 0, ...hooks }
const LAYOUT_KEY = 'silly-chat:{layout}'

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a Redis of layout 1', () => {
  it('is read as it is', async () => {
    const redis = await aRedisOfLayout1()
    const store = await aNode(redis.url)
    for (const { tag, door: stored, version, lastEventId, idleSince } of Object.values(expected)) {
      const { door, ...rest } = await loaded(store, chatTag(tag))
      expect({ ...door, requests: [...door.requests.values()] }).toEqual({ ...stored, profile: NO_PROFILE })
      expect(rest).toEqual({ version, lastEventId, idleSince })
      expect(await redis.cli('hexists', `silly-chat:{${tag}}`, 'layout')).toBe('0')
    }
    const { whole, busy } = expected
    expect(await store.events(chatTag(whole.tag), 0, ALL)).toEqual(whole.events.map(asNow))
    const page = await messagesAfter(store, chatTag(whole.tag))
    if (typeof page === 'string') throw new Error(page)
    expect(`${Buffer.concat(page.json)}`).toBe(whole.posts.map(({ json }) => withFrom(json)).join())
    expect(await store.events(chatTag(busy.tag), busy.forgotten, ALL)).toHaveLength(busy.lastEventId - busy.forgotten)
    expect(await store.events(chatTag(busy.tag), busy.forgotten - 1, ALL)).toBe('cursor-unknown')
  })

  it('is used further, and each chat becomes layout 2 with its first change', async () => {
    const redis = await aRedisOfLayout1()
    const store = await aNode(redis.url)
    const service = createService({ store, now: Date.now, chatTtlMs: 0 })
    const { chat, author, tag, member, removed, pending, link, posts, lastEventId } = expected.whole
    for (const { user, text, key, json } of posts) {
      if (key !== null) expect(await service.postMessage(chat, user, text, key)).toMatchObject({ json: withFrom(json) })
    }
    const posted = await service.postMessage(chat, member.client, 'after the upgrade')
    expect(posted.id).toBeGreaterThan(lastEventId)
    await expect(service.postMessage(chat, removed.client, 'after the removal')).rejects.toThrow()
    expect(await redis.cli('hexists', `silly-chat:{${tag}}`, 'door')).toBe('1')

    const knock = await service.exchange(link, undefined, { name: 'Fay', network: { name: '192.0.2.2', isSure: true } })
    expect(knock).toMatchObject({ is: 'guest', request: { name: 'Fay', state: 'pending' } })
    expect(await redis.cli('hget', `silly-chat:{${tag}}`, 'layout')).toBe('2')
    expect(await redis.cli('hexists', `silly-chat:{${tag}}`, 'door')).toBe('0')
    await service.decide(link, author, pending.request, 'approve')
    await service.postMessage(chat, pending.client, 'admitted after the upgrade')
    await service.decide(link, author, member.request, 'decline')
    await expect(service.postMessage(chat, member.client, 'removed')).rejects.toThrow()

    const other = await aNode(redis.url)
    const all = [...posts.map(({ text }) => text), 'after the upgrade', 'admitted after the upgrade']
    expect(await texts(other, chatTag(tag))).toEqual(all)
    const { door } = await loaded(other, chatTag(tag))
    const { requests: before } = expected.whole.door
    expect([...door.requests.values()].map(({ id }) => id).slice(0, before.length)).toEqual(before.map(({ id }) => id))
    expect(door.requests.size).toBe(before.length + 1)
    // The number of messages is known from now on.
    expect(await redis.cli('hget', `silly-chat:{${tag}}`, 'count')).toBe(`${all.length}`)

    const empty = chatTag(expected.empty.tag)
    await service.postMessage(expected.empty.chat, expected.empty.author, 'the first')
    expect(await texts(other, empty)).toEqual(['the first'])
    expect(await redis.cli('get', LAYOUT_KEY)).toBe('2')
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('the layout of a Redis', () => {
  it('is recorded at the start, and never lowered', async () => {
    const redis = await aRedis()
    await aNode(redis.url)
    expect(await redis.cli('get', LAYOUT_KEY)).toBe('2')
    await redis.cli('set', LAYOUT_KEY, '1')
    await aNode(redis.url)
    expect(await redis.cli('get', LAYOUT_KEY)).toBe('2')
  })

  it('is refused at the start if a newer version has written it', async () => {
    const redis = await aRedis()
    for (const layout of ['3', 'unknown']) {
      await redis.cli('set', LAYOUT_KEY, layout)
      await expect(openRedisStore(redis.url, OPTIONS)).rejects.toThrow(
        new RegExp(`^127\\.0\\.0\\.1:\\d+ has chats of layout ${layout}, written by a newer version of Silly Chat\\.`)
      )
      expect(await redis.cli('get', LAYOUT_KEY)).toBe(layout)
    }
  })

  it('is recorded later if the server cannot write at the start', async () => {
    const redis = await aRedis('--min-replicas-to-write', '1')
    const store = await aNode(redis.url)
    expect(await redis.cli('exists', LAYOUT_KEY)).toBe('0')
    await redis.cli('config', 'set', 'min-replicas-to-write', '0')
    await store.ping()
    expect(await redis.cli('get', LAYOUT_KEY)).toBe('2')
  })
})
