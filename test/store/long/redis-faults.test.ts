/** Several nodes over one Redis that promises to keep what it acknowledges, and what may happen to each of them. */
import { describe, expect, it } from 'vitest'
import { startTcpProxy } from '../../foreign/tcp-proxy.ts'
import { call, createChat, post } from '../../support/api.ts'
import { type BuiltServer, startBuilt } from '../../support/built-server.ts'
import { runProgram } from '../../support/program.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRedis } from '../../support/redis.ts'
import { openStream } from '../../support/streams.ts'
import { startTalk } from './redis-talk.ts'

/** The settings that promise it. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

async function nodesOver(url: string, count: number): Promise<BuiltServer[]> {
  return await Promise.all(Array.from({ length: count }, () => startBuilt({ env: { STORE_URL: url } })))
}

async function ready(node: BuiltServer, status: number): Promise<void> {
  while ((await call(`${node.url}/ready`)).status !== status) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function asLongAs(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('nothing acknowledged is lost, doubled or out of order', () => {
  it('when nodes are killed under load', async () => {
    const redis = await aRedis(...DURABLE)
    const nodes = await nodesOver(redis.url, 3)
    const talk = await startTalk(nodes, { seed: 1 })
    for (let round = 0; round < 3; round++) {
      await talk.more(60)
      const node = nodes[round % nodes.length]
      await node?.kill()
      await talk.more(30)
      await node?.start()
    }
    await talk.more(60)
    await talk.end()
    expect(talk.losses).toBeGreaterThan(0)
  })

  it('when Redis is killed under load; streams stay open, and posts are refused meanwhile', async () => {
    const redis = await aRedis(...DURABLE)
    const nodes = await nodesOver(redis.url, 2)
    const talk = await startTalk(nodes, { seed: 2 })
    for (let round = 0; round < 4; round++) {
      await talk.more(60)
      await redis.kill()
      for (const node of nodes) await ready(node, 503)
      expect((await call(`${nodes[0]?.url}/health`)).status).toBe(200)
      await redis.start()
      for (const node of nodes) await ready(node, 200)
    }
    await talk.more(60)
    await talk.end()
    expect(talk.refusals).toBeGreaterThan(0)
    expect(talk.losses).toBe(0)
  })

  it('when Redis stands still for six seconds; nobody waits for it for longer than three', async () => {
    const redis = await aRedis(...DURABLE)
    const nodes = await nodesOver(redis.url, 2)
    const [one] = nodes
    const talk = await startTalk(nodes, { seed: 3 })
    await talk.more(60)
    const { chat, owner } = await createChat({ url: one?.url ?? '' })
    redis.signal('SIGSTOP')
    const began = performance.now()
    const refused = await call(chat, { user: owner, json: { text: 'while it stands still' } })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.any(String)])
    expect(performance.now() - began).toBeLessThan(4000)
    const again = performance.now()
    expect((await call(chat, { user: owner, json: { text: 'at once' } })).status).toBe(503)
    expect(performance.now() - again).toBeLessThan(500)
    await asLongAs(6000 - (performance.now() - began))
    redis.signal('SIGCONT')
    for (const node of nodes) await ready(node, 200)
    await talk.more(60)
    await talk.end()
    expect(talk.losses).toBe(0)
  })

  it('when a node is cut off from Redis while the others go on', async () => {
    const redis = await aRedis(...DURABLE)
    const wire = await startTcpProxy(redis.port)
    const [far] = await nodesOver(`redis://127.0.0.1:${wire.port}`, 1)
    const near = await nodesOver(redis.url, 1)
    if (far === undefined) throw new Error('no node')
    const { chat, owner } = await createChat(far)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    const there = chat.replace(far.url, near[0]?.url ?? '')
    const texts: string[] = []
    for (const cut of [
      async () => {
        wire.cut()
      },
      async () => {
        await wire.down()
        await ready(far, 503)
      },
      async () => {
        wire.hold()
        await ready(far, 503)
      }
    ]) {
      await cut()
      for (let count = 0; count < 20; count++) {
        texts.push(`${texts.length}`)
        await post(there, owner, `${texts.length - 1}`)
      }
      await wire.up(redis.port)
      await ready(far, 200)
      texts.push(`${texts.length}`)
      await post(chat, owner, `${texts.length - 1}`)
    }
    const told = await stream.take(texts.length)
    expect(told.map(({ data }) => data['text'])).toEqual(texts)
    expect(told.map(({ id }) => Number(id))).toEqual(texts.map((_, index) => index + 1))
  })

  it('when only the subscriptions are lost', async () => {
    const redis = await aRedis()
    const nodes = await nodesOver(redis.url, 2)
    const talk = await startTalk(nodes, { seed: 4 })
    for (let round = 0; round < 5; round++) {
      await talk.more(50)
      await redis.cli('client', 'kill', 'type', 'pubsub')
    }
    await talk.more(50)
    await talk.end()
    expect([talk.losses, talk.refusals]).toEqual([0, 0])
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a node without a Redis', () => {
  it('ends with a sentence that names the place and no password', async () => {
    const { ended } = runProgram({ env: { STORE_URL: 'redis://somebody:geheim@127.0.0.1:1/0' } })
    const { code, out, err } = await ended
    expect(code).toBe(1)
    expect(err).toMatch(/^STORE_URL: The store at 127\.0\.0\.1:1 cannot be reached: .*\n$/)
    expect(out + err).not.toContain('geheim')
  })

  it('ends with a sentence where the password is wrong, and serves where it is right', async () => {
    const redis = await aRedis('--requirepass', 'geheim')
    const { ended } = runProgram({ env: { STORE_URL: redis.url.replace('://', '://:falsch@') } })
    const { code, err } = await ended
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^STORE_URL: The store at \S+ cannot be reached: .*WRONGPASS.*\n$/)
    ])
    expect(err).not.toContain('falsch')
    const node = await startBuilt({ env: { STORE_URL: redis.url.replace('://', '://:geheim@') } })
    expect((await call(`${node.url}/ready`)).status).toBe(200)
  })

  it('waits a while for one that is slow to come', async () => {
    const redis = await aRedis()
    await redis.kill()
    const starting = startBuilt({ env: { STORE_URL: redis.url } })
    await asLongAs(1500)
    await redis.start()
    expect((await call(`${(await starting).url}/ready`)).status).toBe(200)
  })
})
