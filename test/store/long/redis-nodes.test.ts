/** Two nodes with one Redis: everything happens once, whichever node does it; and the commands of a post. */
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

/** Two servers with the same Redis and the same time. */
async function twoNodes(chatTtlSeconds = 0) {
  const { url } = await sharedRedis()
  const env = { CHAT_TTL_SECONDS: `${chatTtlSeconds}` }
  const store = () => aNode(url, { chatTtlMs: chatTtlSeconds * 1000 })
  const [one, other] = [await store(), await store()]
  const nodes = [await startServer({ env, wrap: () => one }), await startServer({ env, wrap: () => other })] as const
  return {
    nodes,
    /** The same URL at the other node. */
    atOther: (target: string) => target.replace(nodes[0].url, nodes[1].url),
    advance: (ms: number) => {
      for (const { clock } of nodes) clock.now += ms
    }
  }
}

/** Records the commands that clients send to a Redis, without those of scripts. */
async function monitor({ port, cli }: Redis) {
  const child = spawn('redis-cli', ['-p', `${port}`, 'monitor'])
  onTestFinished(() => void child.kill())
  let text = ''
  const seen = (mark: string) => eventually(() => text.includes(mark), `redis-cli monitor prints "${mark}"`)
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
  it('are one service: a guest knocks at one, is approved at the other, and streams of both are notified', async () => {
    const { nodes, atOther } = await twoNodes()
    const { chat, owner } = await createChat(nodes[0])
    const link = await createLink(atOther(chat), owner)
    const knocking = call(`${link.replace(nodes[1].url, nodes[0].url)}?wait=60&name=Ana`)
    const stream = await openStream(`${atOther(chat)}/events`, { user: owner })
    await stream.until('join_request')
    expect((await approve(link, owner)).status).toBe(200)
    const { client_id: client } = JSON.parse(await (await knocking).text())
    const guestStream = await openStream(`${chat}/events`, { user: client })
    await guestStream.until('ready')
    await post(atOther(chat), owner, 'welcome')
    expect((await guestStream.next())?.data).toMatchObject({ text: 'welcome' })
    expect((await stream.until('message')).at(-1)?.data).toMatchObject({ text: 'welcome' })
    expect((await call(`DELETE ${chat}`, { user: owner })).status).toBe(204)
    expect((await stream.rest()).map(({ event }) => event)).toEqual(['closed'])
    expect((await guestStream.rest()).map(({ event }) => event)).toEqual(['closed'])
    expect((await call(atOther(chat), { user: owner })).status).toBe(404)
  })

  it('commit a deadline once, although both watch it', async () => {
    const { nodes, atOther, advance } = await twoNodes()
    const { chat, owner } = await createChat(nodes[0])
    const link = await createLink(chat, owner, { expires_in: 60 })
    const streams = [
      await openStream(`${chat}/events`, { user: owner }),
      await openStream(`${atOther(chat)}/events`, { user: owner })
    ]
    for (const stream of streams) await stream.until('ready')
    advance(59_500)
    await knock(link)
    for (const stream of streams) await stream.until('join_request')
    // Both nodes are notified of the knock, so both wait half a second for the deadline.
    advance(60_000)
    for (const stream of streams) {
      const [closed] = await stream.take(1)
      expect(closed).toMatchObject({ event: 'join_closed', id: '2' })
      expect(closed?.data['decided_at']).toBe('2026-11-22T12:01:00.000Z')
    }
    await post(chat, owner, 'and then')
    for (const stream of streams) expect(await stream.next()).toMatchObject({ event: 'message', id: '3' })
  })

  it('commit an earlier deadline with its own time after the node that watched it has ended', async () => {
    const { nodes, atOther, advance } = await twoNodes()
    const { chat, owner } = await createChat(nodes[0])
    const link = await createLink(chat, owner, { expires_in: 60 })
    const guest = await knock(link)
    const stream = await openStream(`${link}/events`, { user: guest.client })
    await stream.next()
    await nodes[0].close()
    advance(3_600_000)
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(atOther(link), { user: guest.client })))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(410))
    const seen = await openStream(`${atOther(chat)}/events?last_event_id=0`, { user: owner })
    const received = await seen.until('ready')
    expect(received.map(({ event }) => event)).toEqual(['join_request', 'join_closed', 'ready'])
    expect(received[1]?.data['decided_at']).toBe('2026-11-22T12:01:00.000Z')
  })

  it('know whether the owner has a stream, at either of them, and not any more once its node has stopped', async () => {
    const { nodes, atOther } = await twoNodes()
    const { chat, owner } = await createChat(nodes[0])
    const link = await createLink(chat, owner)
    const { client } = await knock(link)
    const present = async (at: string): Promise<boolean> =>
      JSON.parse(await (await call(at, { user: client })).text()).owner_present
    expect([await present(link), await present(atOther(link))]).toEqual([false, false])
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    expect([await present(link), await present(atOther(link))]).toEqual([true, true])
    stream.close()
    await eventually(async () => !(await present(atOther(link))), 'the owner is absent')
    await (await openStream(`${chat}/events`, { user: owner })).until('ready')
    const guest = await openStream(`${atOther(link)}/events`, { user: client })
    expect(await guest.next()).toMatchObject({ data: { owner_present: true } })
    await nodes[0].close()
    expect(await present(atOther(link))).toBe(false)
  })

  it('remove idle chats, even cached ones, and notify readers', async () => {
    const { nodes, atOther, advance } = await twoNodes(2)
    const { chat, owner, member } = await createChatWithMember(nodes[0])
    await post(chat, member, 'hello')
    await post(atOther(chat), member, 'hello')
    const stream = await openStream(`${atOther(chat)}/events`, { user: member })
    await stream.until('ready')
    advance(1999)
    await post(chat, member, 'in time')
    await stream.until('message')
    advance(2000)
    expect((await call(chat, { user: member, json: { text: 'too late' } })).status).toBe(404)
    expect((await stream.rest()).map(({ event }) => event)).toEqual(['closed'])
    expect((await call(atOther(chat), { user: owner, json: { text: 'too late' } })).status).toBe(404)
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('two nodes with rate limits', () => {
  it('count requests together', async () => {
    const { url } = await sharedRedis()
    const env = { RATE_LIMIT: 'on' }
    const [one, other] = [await aNode(url), await aNode(url)]
    const nodes = [await startServer({ env, wrap: () => one }), await startServer({ env, wrap: () => other })]
    const create = async (index: number) => (await call(`POST ${nodes[index % 2]?.url}/v1/chats`)).headers
    for (let count = 0; count < 20; count++) await create(count)
    // Each node has counted ten requests; a moment later it knows those of the other one.
    const left = async () => Number((await create(0)).get('ratelimit-remaining'))
    const isShared = async () => (await left()) <= 39
    await eventually(isShared, 'a node counts what the other has counted', { everyMs: 100 })
    expect(await left()).toBeGreaterThan(0)
    expect(await other.count?.('another', 2, 1000)).toEqual({ total: 2, endsInMs: 1000 })
    expect((await one.count?.('another', 3, 1000))?.total).toBe(5)
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a Redis', () => {
  it('gets one command for a post, a script', async () => {
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

  it('has one key for the owner of a chat who has streams, which expires half a minute after the last is announced', async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url)
    const server = await startServer({ wrap: () => store })
    const { chat, owner } = await createChat(server)
    const key = (await redis.cli('keys', '*')).split('\n').find((name) => name !== 'silly-chat:{layout}')
    const presence = `${key?.replace('{', '{owner:')}`
    const streams = []
    for (let count = 0; count < 3; count++) {
      streams.push(await openStream(`${chat}/events`, { user: owner }))
      await streams.at(-1)?.until('ready')
    }
    expect(await redis.cli('zcard', presence)).toBe('1')
    const left = Number(await redis.cli('pttl', presence))
    expect(left).toBeGreaterThan(25_000)
    expect(left).toBeLessThanOrEqual(32_000)
    for (const stream of streams) stream.close()
    await eventually(async () => (await redis.cli('exists', presence)) === '0', 'the owner is absent')
  })

  it('deletes all keys of an idle chat by itself, some time after its deadline', async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url, { chatTtlMs: 10_000 })
    const tag = await aChat(store)
    await append(store, tag, 'hello')
    const { version, door, events } = await aKnock(store, tag)
    await store.commit(tag, version, door, events, NOON)
    const keys = (await redis.cli('keys', `silly-chat:{${tag}}*`)).split('\n')
    expect(keys).toHaveLength(5)
    for (const key of keys) {
      const left = Number(await redis.cli('pttl', key))
      expect(left).toBeGreaterThan(10_000)
      expect(left).toBeLessThanOrEqual(310_000)
    }
  })

  it('that is full refuses new data, and can still be read', async () => {
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

  it('without its replicas refuses changes, and can still be read', async () => {
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
