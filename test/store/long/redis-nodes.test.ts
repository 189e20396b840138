/** Two nodes over one Redis: what is done once whoever does it, and what a post costs. */
import { spawn } from 'node:child_process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { approve, call, createChat, createChatWithMember, createLink, knock, post } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis, sharedRedis } from '../../support/redis.ts'
import type { Redis } from '../../support/redis-server.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'
import { ALL, aChat, aKnock, append, loaded, message, NOON, texts } from '../contract/support.ts'

const DAY_S = 86_400

/** Two servers over the same Redis, whose clocks show the same. */
async function twoNodes(chatTtlSeconds = 0) {
  const { url } = await sharedRedis()
  const env = { CHAT_TTL_SECONDS: `${chatTtlSeconds}` }
  const store = () => aNode(url, { chatTtlMs: chatTtlSeconds * 1000 })
  const [one, other] = [await store(), await store()]
  const nodes = [await startServer({ env, wrap: () => one }), await startServer({ env, wrap: () => other })] as const
  return {
    nodes,
    /** The same URL at the other node. */
    there: (target: string) => target.replace(nodes[0].url, nodes[1].url),
    pass: (ms: number) => {
      for (const { clock } of nodes) clock.now += ms
    }
  }
}

/** What is sent to a Redis by its clients, command by command; not what its scripts do. */
async function monitor({ port, cli }: Redis) {
  const child = spawn('redis-cli', ['-p', `${port}`, 'monitor'])
  onTestFinished(() => void child.kill())
  let text = ''
  const seen = (mark: string) =>
    new Promise<void>((resolve) => {
      const look = (): void => {
        if (!text.includes(mark)) return
        child.stdout.off('data', look)
        resolve()
      }
      child.stdout.on('data', look)
      look()
    })
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  await seen('OK')
  return async () => {
    await cli('echo', 'the end')
    await seen('the end')
    const commands = text.split('\n').flatMap((line) => /^[\d.]+ \[\d+ (?!lua).*?\] "([^"]+)"/.exec(line)?.[1] ?? [])
    return commands.filter((command) => command !== 'PING' && command !== 'echo' && command !== 'COMMAND')
  }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('two nodes', () => {
  it('are one place: knock here, approve there, follow anywhere', async () => {
    const { nodes, there } = await twoNodes()
    const { chat, owner } = await createChat(nodes[0])
    const link = await createLink(there(chat), owner)
    const asking = call(`${link.replace(nodes[1].url, nodes[0].url)}?wait=60&name=Ana`)
    const stream = await openStream(`${there(chat)}/events`, { user: owner })
    await stream.until('join_request')
    expect((await approve(link, owner)).status).toBe(200)
    const { client_id: client } = JSON.parse(await (await asking).text())
    const heard = await openStream(`${chat}/events`, { user: client })
    await heard.until('ready')
    await post(there(chat), owner, 'welcome')
    expect((await heard.next())?.data).toMatchObject({ text: 'welcome' })
    expect((await stream.until('message')).at(-1)?.data).toMatchObject({ text: 'welcome' })
    expect((await call(`DELETE ${chat}`, { user: owner })).status).toBe(204)
    expect((await stream.rest()).map(({ event }) => event)).toEqual(['closed'])
    expect((await heard.rest()).map(({ event }) => event)).toEqual(['closed'])
    expect((await call(there(chat), { user: owner })).status).toBe(404)
  })

  it('commit a deadline once, though both watch for it', async () => {
    const { nodes, there, pass } = await twoNodes()
    const { chat, owner } = await createChat(nodes[0])
    const link = await createLink(chat, owner, { expires_in: 60 })
    const streams = [
      await openStream(`${chat}/events`, { user: owner }),
      await openStream(`${there(chat)}/events`, { user: owner })
    ]
    for (const stream of streams) await stream.until('ready')
    pass(59_500)
    await knock(link)
    for (const stream of streams) await stream.until('join_request')
    // Both know of the knock, so both wait half a second for the deadline.
    pass(60_000)
    for (const stream of streams) {
      const [closed] = await stream.take(1)
      expect(closed).toMatchObject({ event: 'join_closed', id: '2' })
      expect(closed?.data['decided_at']).toBe('2026-11-22T12:01:00.000Z')
    }
    await post(chat, owner, 'and then')
    for (const stream of streams) expect(await stream.next()).toMatchObject({ event: 'message', id: '3' })
  })

  it('commit what came due when the node that watched was gone, each as of its own instant', async () => {
    const { nodes, there, pass } = await twoNodes()
    const { chat, owner } = await createChat(nodes[0])
    const link = await createLink(chat, owner, { expires_in: 60 })
    const guest = await knock(link)
    const stream = await openStream(`${link}/events`, { user: guest.client })
    await stream.next()
    await nodes[0].close()
    pass(3_600_000)
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(there(link), { user: guest.client })))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(410))
    const seen = await openStream(`${there(chat)}/events?last_event_id=0`, { user: owner })
    const received = await seen.until('ready')
    expect(received.map(({ event }) => event)).toEqual(['join_request', 'join_closed', 'ready'])
    expect(received[1]?.data['decided_at']).toBe('2026-11-22T12:01:00.000Z')
  })

  it('remove idle chats, also a cached one, and notify readers', async () => {
    const { nodes, there, pass } = await twoNodes(10 * DAY_S)
    const { chat, owner, member } = await createChatWithMember(nodes[0])
    await post(chat, member, 'hello')
    await post(there(chat), member, 'hello')
    const stream = await openStream(`${there(chat)}/events`, { user: member })
    await stream.until('ready')
    pass(10 * DAY_S * 1000 - 1)
    await post(chat, member, 'in time')
    await stream.until('message')
    pass(10 * DAY_S * 1000)
    expect((await call(chat, { user: member, json: { text: 'too late' } })).status).toBe(404)
    expect((await stream.rest()).map(({ event }) => event)).toEqual(['closed'])
    expect((await call(there(chat), { user: owner, json: { text: 'too late' } })).status).toBe(404)
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('two nodes with limits', () => {
  it('count together, and a post costs nobody a second step', async () => {
    const { url } = await sharedRedis()
    const env = { RATE_LIMIT: 'on' }
    const [one, other] = [await aNode(url), await aNode(url)]
    const nodes = [await startServer({ env, wrap: () => one }), await startServer({ env, wrap: () => other })]
    const create = async (index: number) => (await call(`POST ${nodes[index % 2]?.url}/v1/chats`)).headers
    for (let count = 0; count < 20; count++) await create(count)
    // Each has counted ten of them; the others' are known a moment later.
    const left = async () => Number((await create(0)).get('ratelimit-remaining'))
    const isShared = async () => (await left()) <= 39
    await eventually(isShared, 'a node counts what the other has counted', { everyMs: 100 })
    expect(await left()).toBeGreaterThan(0)
    expect(await other.count?.('another', 2, 1000)).toEqual({ total: 2, endsInMs: 1000 })
    expect((await one.count?.('another', 3, 1000))?.total).toBe(5)
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a Redis', () => {
  it('is asked once for a post, by a script', async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url)
    const server = await startServer({ wrap: () => store })
    const { chat, owner, member } = await createChatWithMember(server)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    await post(chat, owner, 'the first')
    const commands = await monitor(redis)
    for (const user of [owner, member, owner]) await post(chat, user, 'hello')
    await stream.take(4)
    expect(await commands()).toEqual(['EVALSHA', 'EVALSHA', 'EVALSHA'])
  })

  it('forgets idle chats by itself, all their keys, some time after their end', async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url, { chatTtlMs: 10_000 })
    const tag = await aChat(store)
    await append(store, tag, 'hello')
    const { version, door, events } = await aKnock(store, tag)
    await store.commit(tag, version, door, events, NOON)
    const keys = (await redis.cli('keys', '*')).split('\n')
    expect(keys).toHaveLength(3)
    for (const key of keys) {
      const left = Number(await redis.cli('pttl', key))
      expect(left).toBeGreaterThan(10_000)
      expect(left).toBeLessThanOrEqual(310_000)
    }
  })

  it('that is full refuses what needs room, and gives what is there', async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url)
    const tag = await aChat(store)
    await append(store, tag, 'kept')
    await redis.cli('config', 'set', 'maxmemory', '1mb')
    const full = { why: 'full' }
    await expect(store.append(tag, 0, message('more'))).rejects.toMatchObject(full)
    await expect(aChat(store)).rejects.toBeInstanceOf(StoreUnavailable)
    expect(await texts(store, tag)).toEqual(['kept'])
    expect(await store.events(tag, 0, ALL)).toHaveLength(1)
    expect((await loaded(store, tag)).lastEventId).toBe(1)
    expect(await store.remove(tag)).toBe(true)
  })

  it('that misses its replicas refuses what changes something, and gives what is there', async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url)
    const tag = await aChat(store)
    await append(store, tag, 'kept')
    await redis.cli('config', 'set', 'min-replicas-to-write', '1')
    await expect(store.append(tag, 0, message('more'))).rejects.toMatchObject({ why: 'unreachable' })
    expect(await texts(store, tag)).toEqual(['kept'])
    await redis.cli('config', 'set', 'min-replicas-to-write', '0')
    await append(store, tag, 'more')
  })
})
