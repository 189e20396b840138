/** Redis' clock decides what ends. A node whose own clock is wrong ends nothing early, and is not ready. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createService } from '../../../src/chat/service.ts'
import { StoreClock } from '../../../src/store/redis/clock.ts'
import { openRedisStore } from '../../../src/store/redis/open.ts'
import { call } from '../../support/api.ts'
import { METRICS, scrape } from '../../support/metrics.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, sharedRedis } from '../../support/redis.ts'
import { startServer } from '../../support/server.ts'
import { aChat, append, commitKnock, loaded, message } from '../contract/support.ts'

const DAY = 86_400_000
const TTL = { chatTtlMs: 30 * DAY }

const realNow = Date.now

/** From now on the clock of this process is wrong by this much. */
function setClock(ms: number): void {
  vi.restoreAllMocks()
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + ms)
}

afterEach(() => void vi.restoreAllMocks())

/** A chat with a link that expires in an hour, made by a node with the right clock; and another node. */
async function aChatAndANode() {
  const { url } = await sharedRedis()
  const right = createService({ store: await aNode(url, TTL), now: () => Date.now(), ...TTL })
  const { chat, author } = await right.createChat()
  const { link } = await right.createLink(chat, author, { expiresInSeconds: 3600 })
  await right.exchange(link.id, undefined, { name: 'Ana' })
  await right.postMessage(chat, author, 'hello')
  const nodeOf = async () => {
    const store = await aNode(url, TTL)
    return { store, service: createService({ store, now: () => Date.now(), ...TTL }) }
  }
  return { url, right, chat, author, link: link.id, nodeOf }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a node whose clock is 40 days ahead', () => {
  it('ends no chat and no link, whatever it is asked', async () => {
    const { right, chat, author, link, nodeOf } = await aChatAndANode()
    setClock(40 * DAY)
    const { store, service } = await nodeOf()
    const { tag } = await service.authorizeStream(chat, author)
    const unwatch = await store.watch(tag, () => undefined)
    await service.checkLink(link)
    await service.sweep()
    const next = await service.applyDueExpiries(tag)
    expect(next).toBeGreaterThan(3_500_000)
    expect(next).toBeLessThanOrEqual(3_600_000)
    await service.exchange(link, undefined, { name: 'Ben' })
    const posted = await service.postMessage(chat, author, 'from a wrong clock')
    expect(Date.parse(JSON.parse(posted.json).created_at)).toBeLessThan(realNow() + 1000)
    if (unwatch !== 'gone') unwatch()
    setClock(0)
    expect((await loaded(store, tag)).idleSince).toBeLessThan(realNow() + 1000)
    await right.checkLink(link)
  })

  it('ends none either if its clock jumps while it runs', async () => {
    const { right, chat, author, link, nodeOf } = await aChatAndANode()
    const { store, service } = await nodeOf()
    const { tag } = await service.authorizeStream(chat, author)
    await store.watch(tag, () => undefined)
    setClock(40 * DAY)
    await service.sweep()
    await service.checkLink(link)
    setClock(0)
    await right.checkLink(link)
  })

  it('removes nothing before its time by the clock of Redis', async () => {
    const store = await aNode((await sharedRedis()).url)
    const tag = await aChat(store)
    await append(store, tag, 'hello')
    expect(await store.remove(tag, 1, realNow() + 5000)).toBe(false)
    expect(await store.remove(tag, 1, realNow())).toBe(true)
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a node whose clock is 40 days behind', () => {
  it('does not make a chat look idle', async () => {
    const { chat, author, nodeOf } = await aChatAndANode()
    setClock(-40 * DAY)
    const { store, service } = await nodeOf()
    await service.postMessage(chat, author, 'from a wrong clock')
    const { tag } = await service.authorizeStream(chat, author)
    const { idleSince } = await loaded(store, tag)
    expect(idleSince).toBeGreaterThan(realNow() - 60_000)
  })

  it('never sets back when a chat was used last, with messages and with knocks', async () => {
    const store = await aNode((await sharedRedis()).url)
    const tag = await aChat(store)
    await append(store, tag, 'now', 5000)
    expect(await store.append(tag, 0, message('then', 1000))).toMatchObject({ id: 2 })
    expect((await loaded(store, tag)).idleSince).toBe(5000)
    await commitKnock(store, tag, { now: 2000 })
    expect((await loaded(store, tag)).idleSince).toBe(5000)
    await commitKnock(store, tag, { now: 6000 })
    expect((await loaded(store, tag)).idleSince).toBe(6000)
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a node whose clock differs from that of Redis', () => {
  it('is not ready while it differs by more than five seconds, and says so once', async () => {
    const { url } = await sharedRedis()
    const warnings: string[] = []
    const store = await openRedisStore(url, {
      ...{ maxChatBytes: 1e6, chatTtlMs: 0, emptyChatTtlMs: 0 },
      ...{ onLost: () => undefined, onBack: () => undefined, onFault: () => undefined },
      onWarning: (sentence) => void warnings.push(sentence)
    })
    onTestFinished(() => store.close())
    const server = await startServer({ env: METRICS, wrap: () => store })
    const ready = async () => {
      await sleep(1100) // an answer counts for a second
      return (await call(`${server.url}/ready`)).status
    }
    setClock(4000)
    expect(await ready()).toBe(200)
    setClock(60_000)
    const ahead = 'The clock of this machine is 60 s ahead of the clock of Redis. Synchronize both (NTP).'
    await expect(store.ping()).rejects.toThrow(ahead)
    await expect(store.ping()).rejects.toThrow(ahead)
    expect(await ready()).toBe(503)
    expect(store.clockSkewMs?.()).toBeGreaterThan(-61_000)
    expect(store.clockSkewMs?.()).toBeLessThan(-59_000)
    expect((await scrape(server)).value('silly_chat_clock_skew_seconds')).toBeCloseTo(-60, 0)
    setClock(-120_000)
    await expect(store.ping()).rejects.toThrow('120 s behind the clock of Redis')
    setClock(0)
    await store.ping()
    expect(await ready()).toBe(200)
    expect(warnings).toEqual([
      ahead,
      expect.stringContaining('120 s behind'),
      'The clock of this machine agrees with the clock of Redis again.'
    ])
  })

  it('that has the same clock knows no difference', async () => {
    const store = await aNode((await sharedRedis()).url)
    const tag = await aChat(store)
    for (let post = 0; post < 50; post++) await append(store, tag, 'hello')
    expect(store.clockSkewMs?.()).toBe(0)
  })
})

describe('the known difference of the clocks', () => {
  const clock = () => new StoreClock(() => undefined)

  it('changes only if an answer proves it wrong, and then as little as possible', () => {
    const same = clock()
    same.observe(1000, 9000, 5000)
    same.observe(1000, 1000, 1000)
    expect(same.skewMs).toBe(0)
    same.observe(1000, 1010, 1100)
    expect(same.skewMs).toBe(89)
    same.observe(1000, 3000, 2500)
    expect(same.skewMs).toBe(89)
    same.observe(1000, 1010, 1000)
    expect(same.skewMs).toBe(1)
  })

  it('ignores an answer if the clock was set back meanwhile', () => {
    const set = clock()
    set.observe(100_000, 1000, 1000)
    expect(set.skewMs).toBe(0)
  })
})
