/**
 * Processes over one Redis, under load, while it gives no answer, or what is sent does not arrive. Nothing acknowledged may be
 * lost, doubled or misordered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { randomFrom } from '../../soak/random.ts'
import { createChat, post } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { openStream } from '../../support/streams.ts'
import { gather } from './crowd.ts'
import { aDurableRedis, expectUnreachable, REFUSED_WITHIN_MS, startNode, untilReached } from './nodes.ts'
import { startPartition } from './partition.ts'

/** What happens between two faults. */
const POSTS_BETWEEN = 30
const STOPPED_MS = 6000
/** Less than a silent connection may take to be given up. */
const FOLLOWED_EVERY_MS = 500
const TIMEOUT_MS = 60_000

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('processes over one Redis', { timeout: TIMEOUT_MS }, () => {
  it('Redis may hang: that is said after three seconds, and streams stay open', async () => {
    const random = randomFrom(Date.now())
    const redis = await aDurableRedis()
    const nodes = [await startNode(redis.url), await startNode(redis.url)] as const
    const crowd = await gather({ nodes, random })
    await crowd.acknowledged(POSTS_BETWEEN)
    redis.signal('SIGSTOP')
    const stopped = sleep(STOPPED_MS)
    let probes = 0
    const probing = nodes.map(async (node) => {
      for (const began = performance.now(); performance.now() - began < STOPPED_MS - REFUSED_WITHIN_MS; probes++) {
        await expectUnreachable(crowd, node)
      }
    })
    await Promise.all(probing)
    await stopped
    redis.signal('SIGCONT')
    await Promise.all(nodes.map(untilReached))
    await crowd.acknowledged(POSTS_BETWEEN)
    await crowd.finish()
    expect(probes).toBeGreaterThanOrEqual(nodes.length)
    expect(crowd.figures).toMatchObject({ lost: 0, reconnects: 0 })
    expect(crowd.figures.slowestMs).toBeLessThan(REFUSED_WITHIN_MS)
  })

  it('one may be cut off from Redis, for long or short, while others go on', async () => {
    const random = randomFrom(Date.now())
    const redis = await aDurableRedis()
    const wire = await startPartition(redis.port)
    const cutOff = await startNode(`redis://127.0.0.1:${wire.port}`)
    const other = await startNode(redis.url)
    const crowd = await gather({ nodes: [cutOff, other], random, postingAt: [other] })
    const { chat: quiet, owner } = await createChat(other)
    const stream = await openStream(`${quiet.replace(other.url, cutOff.url)}/events`, { user: owner })
    await stream.until('ready')
    await crowd.acknowledged(POSTS_BETWEEN)
    wire.cut()
    await expectUnreachable(crowd, cutOff)
    // Nothing comes after it that would show that it is missing.
    await post(quiet, owner, 'meanwhile')
    await crowd.acknowledged(POSTS_BETWEEN)
    // Its connections are given up by then, and new ones tried.
    await sleep(STOPPED_MS - REFUSED_WITHIN_MS)
    await expectUnreachable(crowd, cutOff)
    await crowd.acknowledged(POSTS_BETWEEN)
    wire.heal()
    expect(await stream.next()).toMatchObject({ event: 'message', data: { text: 'meanwhile' } })
    await untilReached(cutOff)
    await crowd.acknowledged(POSTS_BETWEEN)
    wire.cut()
    wire.heal()
    // It must find out by itself that the connections it has lead nowhere.
    await expectUnreachable(crowd, cutOff)
    await untilReached(cutOff)
    await crowd.acknowledged(POSTS_BETWEEN)
    await crowd.finish()
    expect(crowd.figures).toMatchObject({ lost: 0, reconnects: 0 })
    expect(crowd.figures.refused).toBe(0)
  })

  it('a lost way for news is found though more and more chats are followed over it', async () => {
    const random = randomFrom(Date.now())
    const redis = await aDurableRedis()
    const wire = await startPartition(redis.port)
    const node = await startNode(`redis://127.0.0.1:${wire.port}`)
    const crowd = await gather({ nodes: [node], random })
    await crowd.acknowledged(POSTS_BETWEEN)
    wire.cutNews()
    const following = setInterval(async () => {
      const { chat, owner } = await createChat(node)
      await openStream(`${chat}/events`, { user: owner })
    }, FOLLOWED_EVERY_MS)
    onTestFinished(() => clearInterval(following))
    await crowd.finish()
    expect(crowd.figures).toMatchObject({ lost: 0, refused: 0, reconnects: 0 })
  })
})
