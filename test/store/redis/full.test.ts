/** A Redis that is full: rights can be taken away and chats closed, and nothing else can be written. */
import { describe, expect, it } from 'vitest'
import { createService } from '../../../src/chat/service.ts'
import {
  call,
  createChat,
  createChatWithMember,
  createHandover,
  createLink,
  knock,
  refusal
} from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { startServer } from '../../support/server.ts'
import { aChat, append } from '../contract/support.ts'

async function aFullRedis() {
  const redis = await aRedis()
  const store = await aNode(redis.url)
  const server = await startServer({ wrap: () => store })
  return { redis, store, server, fill: () => redis.cli('config', 'set', 'maxmemory', '1mb') }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a full Redis', () => {
  it('accepts that a guest is declined or removed, leaves, that links are revoked or expire, and that a chat is closed', async () => {
    const { server, fill } = await aFullRedis()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const pending = await knock(link)
    const leaving = await knock(link)
    const other = await createLink(chat, owner)
    const expiring = await createLink(chat, owner, { expires_in: 60 })
    const waiting = await knock(other)
    const expired = await knock(expiring)
    const handover = await createHandover(server)
    await fill()

    const decline = (request_id: string) =>
      call(`${server.url}/v1/approval`, { user: owner, json: { link, request_id, approval_status: false } })
    expect((await decline(pending.requestId)).status).toBe(200)
    expect((await decline(requestId)).status).toBe(200)
    expect((await call(chat, { user: member })).status).toBe(403)
    expect((await call(`DELETE ${link}/request`, { user: leaving.client })).status).toBe(204)
    expect(await refusal(await call(link, { user: leaving.client }))).toEqual([403, 'left'])
    expect((await call(`DELETE ${other}`, { user: owner })).status).toBe(204)
    expect(await refusal(await call(other, { user: waiting.client }))).toEqual([410, 'link-revoked'])
    server.clock.now += 61_000
    expect(await refusal(await call(expiring, { user: expired.client }))).toEqual([410, 'link-expired'])

    const json = { link, approval_status: true }
    for (const refused of [
      await call(chat, { user: owner, json: { text: 'hello' } }),
      await call(link),
      await call(`${server.url}/v1/links`, { user: owner, json: { chat } }),
      await call(`POST ${server.url}/v1/chats`),
      await call(`${server.url}/v1/handovers`, { json: { sealed: 'x' } }),
      await call(`${server.url}/v1/approval`, { user: owner, json: { ...json, request_id: pending.requestId } })
    ]) {
      expect(await refusal(refused)).toEqual([503, 'store-full'])
    }
    expect((await call(`POST ${handover}`)).status).toBe(200)
    expect((await call(`DELETE ${chat}`, { user: owner })).status).toBe(204)
  })

  it('accepts that a link without any request is revoked, and stores what has expired', async () => {
    const { store, redis, fill } = await aFullRedis()
    let now = Date.now()
    const service = createService({ store, now: () => now, chatTtlMs: 0 })
    const { chat, author } = await service.createChat()
    const { link } = await service.createLink(chat, author)
    const expiring = await service.createLink(chat, author, { expiresInSeconds: 60 })
    const { link: open } = await service.createLink(chat, author)
    await service.exchange(expiring.link.id, undefined, { name: 'Ana' })
    await fill()
    await service.revokeLink(link.id, author)
    const [revoked] = await service.links(chat, author)
    expect(revoked?.link).toMatchObject({ id: link.id, ended: { why: 'revoked' } })
    now += 61_000
    const { tag } = await service.authorizeStream(chat, author)
    const knocking = () => service.exchange(open.id, undefined, { name: 'Ben' })
    const outcomes = await Promise.allSettled([knocking(), knocking(), service.applyDueExpiries(tag)])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    expect((await store.load(tag))?.door.links.map(({ ended }) => ended?.why)).toEqual([
      'revoked',
      'expired',
      undefined
    ])
    expect(await redis.cli('xlen', `silly-chat:{${tag}}:joins`)).toBe('2')
  })

  it('refuses a knock without refusing the withdrawals of the same moment', async () => {
    const { store, fill } = await aFullRedis()
    const service = createService({ store, now: Date.now, chatTtlMs: 0 })
    const { chat, author } = await service.createChat()
    const { id: link } = (await service.createLink(chat, author)).link
    const knocking = () => service.exchange(link, undefined, { name: 'Ana' })
    const [one, two, three] = [await knocking(), await knocking(), await knocking()]
    if (one.is !== 'guest' || two.is !== 'guest' || three.is !== 'guest') throw new Error()
    await fill()
    const outcomes = await Promise.allSettled([
      service.leave(link, one.client),
      knocking(),
      service.decide(link, author, two.request.id, 'decline'),
      service.leave(link, one.client),
      knocking(),
      service.decide(link, author, three.request.id, 'approve'),
      service.leave(link, three.client),
      service.createLink(chat, author),
      service.revokeLink(link, author)
    ])
    const [f, r] = ['fulfilled', 'rejected']
    expect(outcomes.map(({ status }) => status)).toEqual([f, r, f, f, r, r, f, r, f])
    const { requests } = await service.joinRequests(chat, author)
    expect(requests.map(({ state }) => state)).toEqual(['closed', 'declined', 'closed'])
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a Redis is not ready', () => {
  async function readiness(redis: Awaited<ReturnType<typeof aRedis>>) {
    const store = await aNode(redis.url)
    const server = await startServer({ wrap: () => store })
    return { store, server, ready: () => call(`${server.url}/ready`) }
  }

  it('while it is full', async () => {
    const redis = await aRedis()
    const { ready, store } = await readiness(redis)
    const tag = await aChat(store)
    await append(store, tag, 'hello')
    await redis.cli('config', 'set', 'maxmemory', '1mb')
    expect(await refusal(await ready())).toEqual([503, 'store-full'])
    await redis.cli('config', 'set', 'maxmemory', '0')
    await store.ping()
  })

  it('while it lacks the replicas that it demands', async () => {
    const redis = await aRedis('--min-replicas-to-write', '1')
    const { ready, store } = await readiness(redis)
    expect(await refusal(await ready())).toEqual([503, 'store-unreachable'])
    await expect(store.ping()).rejects.toMatchObject({ cause: { message: expect.stringMatching(/^NOREPLICAS /) } })
    await redis.cli('config', 'set', 'min-replicas-to-write', '0')
    await store.ping()
  })

  it('while it is a replica, which can still be read', async () => {
    const redis = await aRedis()
    const { ready, store, server } = await readiness(redis)
    const { chat, owner } = await createChat(server)
    await redis.cli('replicaof', '127.0.0.1', '1')
    expect(await refusal(await ready())).toEqual([503, 'store-unreachable'])
    const reads: number[] = []
    for (let read = 0; read < 20; read++) {
      await store.ping().catch(() => undefined)
      reads.push((await call(chat, { user: owner })).status)
    }
    expect(reads.filter((status) => status === 200).length).toBeGreaterThan(15)
    await redis.cli('replicaof', 'no', 'one')
    await store.ping()
  })

  it('but is asked at most once a second', async () => {
    const redis = await aRedis()
    const { store } = await readiness(redis)
    let pings = 0
    const counting = {
      ...store,
      ping: () => {
        pings++
        return store.ping()
      }
    }
    const counted = await startServer({ wrap: () => counting })
    const answers = await Promise.all(Array.from({ length: 50 }, () => call(`${counted.url}/ready`)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(pings).toBeLessThanOrEqual(2)
  })
})
