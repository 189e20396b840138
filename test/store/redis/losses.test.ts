/** What Redis loses is told: it must not evict, missing messages mean a reset, and a chat that is gone ends its streams. */
import { connect, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { postKey } from '../../../src/chat/ids.ts'
import { openRedisStore } from '../../../src/store/redis/open.ts'
import type { ServerOptions } from '../../../src/store/redis/server.ts'
import { listenOn } from '../../kit/wire.ts'
import { aUser } from '../../support/doors.ts'
import { eventually } from '../../support/eventually.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis, sharedRedis } from '../../support/redis.ts'
import {
  ALL,
  aChat,
  append,
  commitKnock,
  ids,
  loaded,
  message,
  messagesAfter,
  texts,
  watched
} from '../contract/support.ts'

const hooks = { onLost: () => undefined, onBack: () => undefined, onFault: () => undefined }

/** Opens a store, and returns its warnings. */
async function warningsOf(url: string, options: ServerOptions = {}): Promise<string[]> {
  return (await openWarned(url, options)).warnings
}

async function openWarned(url: string, options: ServerOptions = {}) {
  const warnings: string[] = []
  const onWarning = (sentence: string) => void warnings.push(sentence)
  const limits = { maxChatBytes: 1e6, chatTtlMs: 0, emptyChatTtlMs: 0 }
  const store = await openRedisStore(url, { ...limits, ...hooks, ...options, onWarning })
  onTestFinished(() => store.close())
  return { store, warnings }
}

/** A chat with two messages and a knock, watched in two processes. */
async function aWatchedChat() {
  const redis = await sharedRedis()
  const [one, other] = [await aNode(redis.url), await aNode(redis.url)]
  const tag = await aChat(one)
  await append(one, tag, 'first')
  await append(one, tag, 'second')
  await commitKnock(one, tag)
  const watchers = [await watched(one, tag), await watched(other, tag)]
  const key = (part: string) => `silly-chat:{${tag}}:${part}`
  return { redis, store: one, other, tag, key, watchers }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a Redis that evicts', () => {
  it('is refused at the start, or only warned of', async () => {
    for (const policy of ['allkeys-lru', 'volatile-ttl']) {
      const redis = await aRedis('--maxmemory-policy', policy)
      const sentence = `has maxmemory-policy ${policy}, so it deletes chats when it is full. Set it to noeviction`
      await expect(warningsOf(redis.url)).rejects.toThrow(`${sentence}, or set REDIS_EVICTION=warn`)
      expect(await warningsOf(redis.url, { eviction: 'warn' })).toEqual([expect.stringContaining(`${sentence}.`)])
    }
    const { url } = await sharedRedis()
    expect(await warningsOf(url)).toEqual([])
  })

  it('is warned of once if it begins to evict later, when somebody asks whether it is ready', async () => {
    const redis = await aRedis()
    const { store, warnings } = await openWarned(redis.url)
    await store.ping()
    expect(warnings).toEqual([])
    await redis.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru')
    for (let ping = 0; ping < 2; ping++) await store.ping()
    expect(warnings).toEqual([expect.stringContaining('has maxmemory-policy allkeys-lru, so it deletes chats')])
  })

  it('is warned of once if it does not tell its policy', async () => {
    const { port } = await sharedRedis()
    const proxy = createServer((client) => {
      const server = connect(port, '127.0.0.1')
      for (const socket of [client, server]) socket.on('error', () => undefined)
      client.pipe(server).on('close', () => client.destroy())
      server.on('data', (data) =>
        client.write(data.toString('latin1').replace('maxmemory_policy', 'maxmemory_hidden'), 'latin1')
      )
    })
    const hiding = await listenOn(proxy, 0)
    onTestFinished(() => void proxy.close())
    const warnings = await warningsOf(`redis://127.0.0.1:${hiding}`)
    expect(warnings).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+ does not tell its maxmemory-policy\./)])
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a chat that has lost its messages', () => {
  it('resets the watchers of all processes, once each, as soon as anybody reads it', async () => {
    const { redis, store, tag, key, watchers } = await aWatchedChat()
    const before = await loaded(store, tag)
    await redis.cli('del', key('messages'))
    expect(await store.events(tag, before.lastEventId, ALL)).toBe('cursor-unknown')
    for (const { notified } of watchers) {
      await eventually(() => notified.length > 0, 'the watcher is notified')
    }
    expect(await store.events(tag, 1, ALL)).toBe('cursor-unknown')
    expect(await texts(store, tag)).toEqual([])
    expect(await ids(store, tag, 0)).toEqual([3])
    const { lastEventId, door, version } = await loaded(store, tag)
    expect(lastEventId).toBeGreaterThan(1_700_000_000_000)
    expect([version, door.requests.size]).toEqual([before.version, 1])
    // Readers continue after the reset.
    expect(await store.events(tag, lastEventId, ALL)).toEqual([])
    await append(store, tag, 'next')
    expect(await texts(store, tag, lastEventId)).toEqual(['next'])
    for (const { notified } of watchers) {
      await eventually(() => notified.length > 1, 'the watcher is notified of the next message')
      expect(notified).toEqual(['reset', lastEventId + 1])
    }
  })

  it('resets watchers when somebody posts, and the next message is not lost', async () => {
    const { redis, store, other, tag, key, watchers } = await aWatchedChat()
    await redis.cli('del', key('messages'))
    await append(other, tag, 'next')
    const { lastEventId } = await loaded(store, tag)
    for (const { notified } of watchers) {
      await eventually(() => notified.includes('reset'), 'the watcher is notified')
      expect(notified.filter((notification) => notification === 'reset')).toHaveLength(1)
    }
    expect(await texts(store, tag)).toEqual(['next'])
    expect(await store.events(tag, 2, ALL)).toBe('cursor-unknown')
    expect(await ids(store, tag, lastEventId - 1)).toEqual([lastEventId])
  })

  it('resets watchers when somebody knocks', async () => {
    const { redis, store, tag, key, watchers } = await aWatchedChat()
    await redis.cli('del', key('messages'))
    await commitKnock(store, tag)
    for (const { notified } of watchers) {
      await eventually(() => notified.length > 0, 'the watcher is notified')
      expect(notified[0]).toBe('reset')
    }
  })

  it.each([
    ['events', 0],
    ['messages', 1],
    ['the newest messages', 2]
  ])('is noticed by reading %s', async (_, index) => {
    const { redis, store, tag, key } = await aWatchedChat()
    await redis.cli('del', key('messages'))
    const reads = [
      () => store.events(tag, 0, ALL),
      () => messagesAfter(store, tag),
      () => store.newestMessages(tag, { count: 1 })
    ]
    await reads[index]?.()
    expect(await redis.cli('hget', `silly-chat:{${tag}}`, 'lossAt')).toBe('3')
  })

  it('has the messages that are left, also page by page', async () => {
    const { redis, store, tag, key } = await aWatchedChat()
    for (const text of ['third', 'fourth']) await append(store, tag, text)
    await redis.cli('xdel', key('messages'), '2-0')
    const { lastEventId: upTo } = await loaded(store, tag)
    const page = await messagesAfter(store, tag, 0, { limit: 2, upTo })
    expect(page).toMatchObject({ count: 2, upTo: 4, hasMore: true })
    expect(await texts(store, tag, 4)).toEqual(['fourth'])
    expect(await messagesAfter(store, tag, 2)).toBe('cursor-unknown')
    expect(await store.newestMessages(tag, { count: 2, upTo })).toEqual({ from: 4, hasOlder: true })
  })

  it('accepts a repeated post again if its message is lost, and has room for more', async () => {
    const { redis, tag, key } = await aWatchedChat()
    const small = await aNode(redis.url, { maxChatBytes: 200 })
    const repeated = postKey(aUser(), 'key')
    const first = await small.append(tag, 0, message('kept?'), repeated)
    expect(await small.append(tag, 0, message('kept?'), repeated)).toEqual(first)
    expect(await small.append(tag, 0, message('too much'))).toBe('chat-full')
    await redis.cli('del', key('messages'))
    const again = await small.append(tag, 0, message('kept?'), repeated)
    expect(again).toMatchObject({ type: 'message', id: expect.any(Number) })
    expect(again).not.toEqual(first)
    expect(await small.append(tag, 0, message('kept?'), repeated)).toEqual(again)
    expect(await texts(small, tag)).toEqual(['kept?'])
  })

  it('is read as it is while Redis cannot write', async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url)
    const tag = await aChat(store)
    for (const text of ['one', 'two']) await append(store, tag, text)
    await redis.cli('xdel', `silly-chat:{${tag}}:messages`, '1-0')
    await redis.cli('config', 'set', 'min-replicas-to-write', '1')
    expect(await texts(store, tag)).toEqual(['two'])
    await redis.cli('config', 'set', 'min-replicas-to-write', '0')
    expect(await store.events(tag, 1, ALL)).toBe('cursor-unknown')
  })

  it('is known from the next message on if an earlier version has written it', async () => {
    const { redis, store, tag, key } = await aWatchedChat()
    await redis.cli('hdel', `silly-chat:{${tag}}`, 'count')
    expect(await ids(store, tag, 0)).toEqual([1, 2, 3])
    await append(store, tag, 'third')
    await redis.cli('xdel', key('messages'), '1-0')
    expect(await store.events(tag, 3, ALL)).toBe('cursor-unknown')
  })
})

async function tellsOfLostMessages(): Promise<void> {
  const { redis, tag, key, watchers } = await aWatchedChat()
  await redis.cli('xdel', key('messages'), '1-0')
  for (const { notified } of watchers) {
    await eventually(() => notified.length > 0, 'the watcher is notified', { withinMs: 15_000 })
    expect(notified).toEqual(['reset'])
  }
  expect(await redis.cli('hget', `silly-chat:{${tag}}`, 'count')).toBe('1')
}

/** A chat with one message, watched. */
async function aChatInARedisOfItsOwn() {
  const redis = await aRedis()
  const store = await aNode(redis.url)
  const tag = await aChat(store)
  await append(store, tag, 'announced')
  return { redis, store, tag, ...(await watched(store, tag)) }
}

async function endsAfterFlushAll(): Promise<void> {
  const { redis, notified } = await aChatInARedisOfItsOwn()
  await redis.cli('flushall')
  await eventually(() => notified.length > 0, 'the watcher is notified', { withinMs: 15_000 })
  expect(notified).toEqual(['gone'])
}

async function catchesUpAfterASilentEvent(): Promise<void> {
  const { redis, store, tag, notified } = await aChatInARedisOfItsOwn()
  const chat = `silly-chat:{${tag}}`
  const subscriptions = async () =>
    Number(/cmdstat_ssubscribe:calls=(\d+)/.exec(await redis.cli('info', 'commandstats'))?.[1])
  const before = await subscriptions()
  const json = '{"id":2,"text":"silent","created_at":"2026-11-22T12:00:00.000Z"}'
  await redis.cli('eval', SILENTLY, '2', chat, `${chat}:messages`, json)
  await eventually(() => notified.length > 0, 'the watcher is notified', { withinMs: 15_000 })
  await eventually(async () => (await subscriptions()) > before, 'the subscription is renewed', { withinMs: 5000 })
  await append(store, tag, 'announced again')
  await eventually(() => notified.length === 2, 'the watcher is notified')
  expect(notified).toEqual([2, 3])
  // A chat that misses nothing keeps its subscription.
  expect(await subscriptions()).toBe(before + 1)
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a watched chat that nobody reads', () => {
  // Each waits for up to five seconds until its position is checked.
  it('tells of lost messages, ends if it is gone, and is caught up, with its subscription renewed, after an event that was never announced', async () => {
    await Promise.all([tellsOfLostMessages(), endsAfterFlushAll(), catchesUpAfterASilentEvent()])
  })
})

/** Logs a message without publishing it. */
const SILENTLY = `
  redis.call('XADD', KEYS[2], '2-0', 'e', ARGV[1])
  redis.call('HSET', KEYS[1], 'last', 2, 'count', 2)`
