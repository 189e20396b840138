/** Several nodes with one durable Redis under load, and faults of each of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openWire } from '../../kit/wire.ts'
import { call, createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { runProgram } from '../../support/program.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRedis } from '../../support/redis.ts'
import { openStream } from '../../support/streams.ts'
import { aDurableRedis, expectUnreachable, gatherAt, REFUSED_WITHIN_MS, startNode, untilReady } from './nodes.ts'

/** How many posts are acknowledged between two faults. */
const POSTS_BETWEEN = 30
const STOPPED_MS = 6000
/** A node does not wait for a store that it knows to be unreachable. */
const REFUSED_AT_ONCE_MS = 500
/** Less than the time after which the store gives up a silent connection. */
const NEW_STREAM_EVERY_MS = 500
const TIMEOUT_MS = 120_000

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('nothing is lost or duplicated', { timeout: TIMEOUT_MS }, () => {
  it('when nodes are killed', async () => {
    const redis = await aDurableRedis()
    const nodes = [await startNode(redis.url), await startNode(redis.url), await startNode(redis.url)] as const
    const { crowd, finish } = await gatherAt(nodes)
    for (const node of nodes) {
      await crowd.acknowledged(POSTS_BETWEEN)
      await node.kill()
      await crowd.acknowledged(POSTS_BETWEEN)
      await node.start()
    }
    await crowd.acknowledged(POSTS_BETWEEN)
    expect((await finish()).reconnects).toBeGreaterThan(0)
  })

  it('when Redis is killed: posts are refused, and streams stay open', async () => {
    const redis = await aDurableRedis()
    const nodes = [await startNode(redis.url), await startNode(redis.url)] as const
    const { crowd, finish } = await gatherAt(nodes, { mayJump: true })
    for (let round = 0; round < 4; round++) {
      await crowd.acknowledged(POSTS_BETWEEN)
      await redis.kill()
      for (const node of nodes) await untilReady(node, 503)
      expect((await call(`${nodes[0].url}/health`)).status).toBe(200)
      await redis.start()
      for (const node of nodes) await untilReady(node)
    }
    await crowd.acknowledged(POSTS_BETWEEN)
    const { refused, reconnects } = await finish()
    expect(refused).toBeGreaterThan(0)
    expect(reconnects).toBe(0)
  })

  it('when Redis hangs: posts are refused after three seconds, then at once, and streams stay open', async () => {
    const redis = await aDurableRedis()
    const nodes = [await startNode(redis.url), await startNode(redis.url)] as const
    const { crowd, finish } = await gatherAt(nodes)
    await crowd.acknowledged(POSTS_BETWEEN)
    redis.signal('SIGSTOP')
    const stopped = sleep(STOPPED_MS)
    const probing = nodes.map(async (node) => {
      await expectUnreachable(crowd, node)
      const began = performance.now()
      expect(await crowd.isRefusedAt(node.url)).toBe(true)
      expect(performance.now() - began).toBeLessThan(REFUSED_AT_ONCE_MS)
    })
    await Promise.all(probing)
    await stopped
    redis.signal('SIGCONT')
    for (const node of nodes) await untilReady(node)
    await crowd.acknowledged(POSTS_BETWEEN)
    const { lost, reconnects, slowestMs } = await finish()
    expect([lost, reconnects]).toEqual([0, 0])
    expect(slowestMs).toBeLessThan(REFUSED_WITHIN_MS)
  })

  it('when one node loses its connection to Redis in any way, for a long or a short time', async () => {
    const redis = await aDurableRedis()
    const wire = await openWire(redis.port)
    onTestFinished(wire.close)
    const cutOff = await startNode(`redis://127.0.0.1:${wire.port}`)
    const other = await startNode(redis.url)
    const { crowd, finish } = await gatherAt([cutOff, other], { postingAt: [other] })
    const { chat: quiet, owner } = await createChat(other)
    const stream = await openStream(`${quiet.replace(other.url, cutOff.url)}/events`, { user: owner })
    await stream.until('ready')

    async function expectBack(name: string): Promise<void> {
      // No later message reveals that this one is missing.
      expect(await stream.next()).toMatchObject({ event: 'message', data: { text: name } })
      await untilReady(cutOff)
      expect(await crowd.isRefusedAt(cutOff.url)).toBe(false)
      await crowd.acknowledged(POSTS_BETWEEN)
    }

    await crowd.acknowledged(POSTS_BETWEEN)
    wire.cut()
    await post(quiet, owner, 'reset')
    await expectBack('reset')

    await wire.down()
    await untilReady(cutOff, 503)
    await post(quiet, owner, 'refused')
    await crowd.acknowledged(POSTS_BETWEEN)
    await wire.up(redis.port)
    await expectBack('refused')

    wire.hold()
    await expectUnreachable(crowd, cutOff)
    await post(quiet, owner, 'held for long')
    await crowd.acknowledged(POSTS_BETWEEN)
    // By then the node has given up its connections and is trying new ones.
    await sleep(STOPPED_MS - REFUSED_WITHIN_MS)
    await expectUnreachable(crowd, cutOff)
    wire.release()
    await expectBack('held for long')

    wire.hold()
    wire.release()
    // The node must find out by itself that its connections are dead.
    await expectUnreachable(crowd, cutOff)
    await post(quiet, owner, 'held shortly')
    await expectBack('held shortly')
    const { lost, refused, reconnects } = await finish()
    expect([lost, reconnects]).toEqual([0, 0])
    // Only the probes were refused, not the posts at the other node.
    expect(refused).toBe(3)
  })

  it('when only the subscriber connection is lost without notice, while more and more chats are watched', async () => {
    const redis = await aDurableRedis()
    const wire = await openWire(redis.port, { mark: (sent) => sent.includes('ssubscribe') || undefined })
    onTestFinished(wire.close)
    const node = await startNode(`redis://127.0.0.1:${wire.port}`)
    const { crowd, finish } = await gatherAt([node])
    await crowd.acknowledged(POSTS_BETWEEN)
    expect([...wire.connections].filter(({ isMarked }) => isMarked)).not.toEqual([])
    wire.holdMarked()
    const opening = setInterval(async () => {
      const { chat, owner } = await createChat(node)
      await openStream(`${chat}/events`, { user: owner })
    }, NEW_STREAM_EVERY_MS)
    onTestFinished(() => clearInterval(opening))
    expect(await finish()).toMatchObject({ lost: 0, refused: 0, reconnects: 0 })
  })

  it('when only the subscriptions are lost', async () => {
    const redis = await aDurableRedis()
    const { crowd, finish } = await gatherAt([await startNode(redis.url), await startNode(redis.url)])
    for (let round = 0; round < 5; round++) {
      await crowd.acknowledged(POSTS_BETWEEN)
      await redis.cli('client', 'kill', 'type', 'pubsub')
    }
    await crowd.acknowledged(POSTS_BETWEEN)
    expect(await finish()).toMatchObject({ lost: 0, refused: 0, reconnects: 0 })
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a node without a Redis', () => {
  it('ends with a message that contains the address and no password', async () => {
    const { ended } = runProgram({ env: { STORE_URL: 'redis://somebody:geheim@127.0.0.1:1/0' } })
    const { code, out, err } = await ended
    expect(code).toBe(1)
    expect(err).toMatch(/^STORE_URL: The store at 127\.0\.0\.1:1 cannot be reached: .*\n$/)
    expect(out + err).not.toContain('geheim')
  })

  it('ends with a message if the password is wrong, and starts if it is right', async () => {
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

  it('waits for a Redis that starts slowly', async () => {
    const redis = await aRedis()
    await redis.kill()
    const starting = startBuilt({ env: { STORE_URL: redis.url } })
    await sleep(1500)
    await redis.start()
    expect((await call(`${(await starting).url}/ready`)).status).toBe(200)
  })
})
