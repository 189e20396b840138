/**
 * A real failover to a replica that lagged. Acknowledged events that had not reached it are lost, and no setting can
 * prevent that. But no id is used for two messages, and every reader that has received a lost event gets a reset.
 */
import { describe, expect, it, onTestFinished } from 'vitest'
import { postKey } from '../../../src/chat/ids.ts'
import { messages as historyAnswer, message as messageAnswer } from '../../../src/wire/schemas/chats.ts'
import { openWire } from '../../kit/wire.ts'
import { call, createChat, createChatWithMember, decline, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { aDoor, aUser } from '../../support/doors.ts'
import { eventually } from '../../support/eventually.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { openStream } from '../../support/streams.ts'
import { ALL, aChat, aKnock, loaded, message, NOON, texts, watched } from '../contract/support.ts'
import { untilReady } from './nodes.ts'

const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

/** A master and its replica at one address. */
async function aPair() {
  const master = await aRedis('--repl-diskless-sync-delay', '0')
  const wire = await openWire(master.port)
  onTestFinished(wire.close)
  const replica = await aRedis('--replicaof', '127.0.0.1', `${wire.port}`)
  const address = await openWire(master.port)
  onTestFinished(address.close)
  return {
    url: `redis://127.0.0.1:${address.port}`,
    /** Stops the replication after the replica has received everything up to now. */
    lag: async () => {
      const isUpToDate = async () => {
        const info = await master.cli('info', 'replication')
        return /master_repl_offset:(\d+)/.exec(info)?.[1] === /slave0:.*offset=(\d+)/.exec(info)?.[1]
      }
      await eventually(isUpToDate, 'the replica has all that the master has')
      await wire.down()
    },
    failOver: async () => {
      await address.down()
      await master.kill()
      await replica.cli('replicaof', 'no', 'one')
      await address.up(replica.port)
    }
  }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('after a failover to a replica that lagged', () => {
  it('ids jump ahead, and streams and readers with a lost id get a reset', async () => {
    const pair = await aPair()
    const env = { STORE_URL: pair.url }
    const [one, other] = [await startBuilt({ env }), await startBuilt({ env })]
    const { chat, owner, member } = await createChatWithMember(one)
    const atOther = chat.replace(one.url, other.url)
    const post = async (url: string, text: string, key = text) =>
      messageAnswer.parse(
        await (await call(url, { user: owner, json: { text }, headers: { 'idempotency-key': key } })).json()
      )
    const stream = await openStream(`${atOther}/events`, { user: member })
    await stream.until('ready')
    const { id: kept } = await post(chat, 'kept')
    await pair.lag()
    const { id: lost } = await post(atOther, 'lost')
    expect((await stream.take(2)).map(({ data }) => data['text'])).toEqual(['kept', 'lost'])

    await pair.failOver()
    await untilReady(one)
    await untilReady(other)
    const next = await post(chat, 'next')
    expect(next.id).toBeGreaterThan(1_700_000_000_000)
    const received = await stream.take(2)
    expect(received.map(({ event }) => event)).toEqual(['reset', 'ready'])
    const again = await post(atOther, 'lost')
    expect(again.id).toBe(next.id + 1)
    // The reset can come before or after the next message. The events after its last event id follow.
    const resetTo = Number(received[0]?.data['last_event_id'])
    expect([kept, next.id]).toContain(resetTo)
    const rest = await stream.take(resetTo === kept ? 2 : 1)
    expect(rest.at(-1)?.data).toEqual(again)

    const { messages } = historyAnswer.parse(await (await call(chat, { user: owner })).json())
    expect(messages.map(({ text }) => text)).toEqual(['kept', 'next', 'lost'])
    const [reset] = await (await openStream(`${chat}/events?last_event_id=${lost}`, { user: member })).take(1)
    expect(reset).toMatchObject({ event: 'reset', data: { last_event_id: again.id } })
    const [resumed] = await (await openStream(`${chat}/events?last_event_id=${kept}`, { user: member })).take(1)
    expect(resumed).toMatchObject({ event: 'message', data: { text: 'next' } })
    const unknown = await call(`${chat}?after=${lost}`, { user: owner })
    expect([unknown.status, await unknown.text()]).toEqual([400, expect.stringContaining('cursor-unknown')])
  })

  it('the newest messages are read across the gap in the ids, and before any id in it', async () => {
    const pair = await aPair()
    const node = await startBuilt({ env: { STORE_URL: pair.url, RATE_LIMIT: 'off' } })
    const { chat, owner, member } = await createChatWithMember(node)
    const ids: number[] = []
    const postAll = async (texts: readonly string[]) => {
      for (const text of texts) ids.push(await post(chat, owner, text))
    }
    const sent = Array.from({ length: 130 }, (_, index) => `${index + 1}`)
    await postAll(sent.slice(0, 70))
    await pair.lag()
    const lost = await post(chat, owner, 'lost')
    await pair.failOver()
    await untilReady(node)
    await postAll(sent.slice(70))
    const [atGap = 0, behindGap = 0] = ids.slice(69)
    expect([lost - atGap, behindGap > 1_700_000_000_000]).toEqual([1, true])

    const read = async (query: string) =>
      historyAnswer.parse(await (await call(`${chat}?${query}`, { user: member })).json())
    const texts = async (query: string) => (await read(query)).messages.map(({ text }) => Number(text))
    let found: string[] = []
    const answers: number[] = []
    for (let before = '', hasMore = true; hasMore; ) {
      const page = await read(`last=60${before}`)
      expect(page.last_event_id).toBe(ids.at(-1))
      answers.push(page.messages.length)
      found = [...page.messages.map(({ text }) => text), ...found]
      before = `&before=${page.messages[0]?.id}`
      hasMore = page.has_more
    }
    expect([found, answers]).toEqual([sent, [60, 60, 10]])
    expect(await texts('last=62')).toEqual(from(69, 130))
    expect(await texts(`last=3&before=${ids[72]}`)).toEqual([70, 71, 72])
    for (const before of [atGap + 1, lost + 1, 1_000_000_000, behindGap]) {
      expect(await texts(`last=2&before=${before}`)).toEqual([69, 70])
    }
    expect(await texts(`last=2&before=${atGap}`)).toEqual([68, 69])
  })

  it('a lost version or lost rights do not allow a change', async () => {
    const pair = await aPair()
    const store = await aNode(pair.url)
    const { door } = aDoor()
    const tag = await aChat(store, door)
    await store.append(tag, 0, message('kept'), postKey(aUser(), 'key'))
    await pair.lag()
    const knock = await aKnock(store, tag)
    await store.commit(tag, knock.version, { ...knock.door, rights: 1 }, knock.events, NOON)
    const stale = await loaded(store, tag)
    const { notified } = await watched(store, tag)
    await pair.failOver()
    await eventually(() => store.ping().then(() => true), 'the store reaches the other server', { withinMs: 10_000 })
    await eventually(() => notified.length > 0, 'the watcher is notified')
    expect(notified).toEqual(['reset'])

    // Another change gets the same numbers on the other server.
    const fresh = await loaded(store, tag)
    expect(fresh.door.requests.size).toBe(0)
    const next = { ...fresh.door, rights: fresh.door.rights + 1 }
    expect(await store.commit(tag, fresh.version, next, [], NOON)).toBe('conflict')
    const { version, door: current } = await loaded(store, tag)
    expect(await store.commit(tag, version, current, [], NOON)).toEqual([])
    expect(await store.commit(tag, stale.version, stale.door, [], NOON)).toBe('conflict')
    expect(await store.append(tag, stale.door.rights, message('stale'))).toBe('conflict')
    expect(await texts(store, tag)).toEqual(['kept'])
    expect(await store.events(tag, 2, ALL)).toBe('cursor-unknown')
    const { door: now } = await loaded(store, tag)
    const posted = await store.append(tag, now.rights, message('fresh'))
    expect(posted).toMatchObject({ type: 'message' })
    expect(await store.events(tag, 2, ALL)).toBe('cursor-unknown')
    expect(await texts(store, tag, 1)).toEqual(['fresh'])
    await eventually(() => notified.length === 2, 'the watcher is notified of the next message')
  })

  it('a master that was a replica for a while refuses outdated rights', async () => {
    const master = await aRedis('--repl-diskless-sync-delay', '0')
    const other = await aRedis('--replicaof', '127.0.0.1', `${master.port}`, '--repl-diskless-sync-delay', '0')
    const synced = async (redis: typeof master, { port }: typeof master) => {
      await redis.cli('replicaof', '127.0.0.1', `${port}`)
      const isLinked = async () => (await redis.cli('info', 'replication')).includes('master_link_status:up')
      await eventually(isLinked, 'the replica follows its master', { withinMs: 10_000 })
    }
    const store = await aNode(master.url)
    const tag = await aChat(store)
    await store.append(tag, 0, message('kept'))
    await eventually(async () => (await other.cli('dbsize')) === '3', 'the replica has the chat')
    await other.cli('replicaof', 'no', 'one')
    expect(await store.append(tag, 0, message('lost'))).toMatchObject({ id: 2 })
    // Nothing is written to the chat while the other server is the master.
    await synced(master, other)
    await master.cli('replicaof', 'no', 'one')
    expect(await store.append(tag, 0, message('stale'))).toBe('conflict')
    const { door, lastEventId } = await loaded(store, tag)
    expect(lastEventId).toBe(1)
    expect(await store.append(tag, door.rights, message('next'))).toMatchObject({ id: expect.any(Number) })
    expect(await store.events(tag, 2, ALL)).toBe('cursor-unknown')
    expect(await texts(store, tag)).toEqual(['kept', 'next'])
  })

  it('a guest who was removed before the lost events stays removed, and a cached door admits nobody', async () => {
    const pair = await aPair()
    const node = await startBuilt({ env: { STORE_URL: pair.url } })
    const { chat, owner, link, member, requestId } = await createChatWithMember(node)
    expect((await call(chat, { user: member, json: { text: 'in' } })).status).toBe(201)
    expect((await decline(link, owner, requestId)).status).toBe(200)
    await pair.lag()
    const { chat: young } = await createChat(node)
    await pair.failOver()
    await untilReady(node)
    expect((await call(chat, { user: member, json: { text: 'out' } })).status).toBe(403)
    expect((await call(young, { user: owner })).status).toBe(404)
  })
})
