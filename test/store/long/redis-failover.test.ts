/**
 * A real failover to a replica that lagged. What was acknowledged and had not reached it is lost, which no setting of ours
 * can help; but nobody is misled by it: no id means two messages, and whoever knew of what is lost is told.
 */
import { describe, expect, it } from 'vitest'
import { postKey } from '../../../src/ids.ts'
import { messages as historyAnswer, message as messageAnswer } from '../../../src/schemas/chats.ts'
import { startTcpProxy } from '../../foreign/tcp-proxy.ts'
import { call, createChat, createChatWithMember, decline } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { aDoor, aUser } from '../../support/doors.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { openStream } from '../../support/streams.ts'
import { ALL, aChat, aKnock, loaded, message, NOON, texts, watched } from '../contract/support.ts'

/** A master and its replica behind one address, and what happens to them. */
async function aPair() {
  const master = await aRedis('--repl-diskless-sync-delay', '0')
  const wire = await startTcpProxy(master.port)
  const replica = await aRedis('--replicaof', '127.0.0.1', `${wire.port}`)
  const address = await startTcpProxy(master.port)
  return {
    url: `redis://127.0.0.1:${address.port}`,
    /** The replica has everything up to now, and nothing of what comes. */
    lag: async () => {
      for (let isLevel = false; !isLevel; ) {
        const info = await master.cli('info', 'replication')
        isLevel = /master_repl_offset:(\d+)/.exec(info)?.[1] === /slave0:.*offset=(\d+)/.exec(info)?.[1]
      }
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

/** A node finds out by itself, but not at once. */
async function back(url: string): Promise<void> {
  while ((await call(`${url}/ready`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('after a failover to a replica that lagged', () => {
  it('ids jump ahead, streams are told to begin anew, and so is who comes with an id that is lost', async () => {
    const pair = await aPair()
    const env = { STORE_URL: pair.url }
    const [one, other] = [await startBuilt({ env }), await startBuilt({ env })]
    const { chat, owner, member } = await createChatWithMember(one)
    const there = chat.replace(one.url, other.url)
    const post = async (url: string, text: string, key = text) =>
      messageAnswer.parse(
        await (await call(url, { user: owner, json: { text }, headers: { 'idempotency-key': key } })).json()
      )
    const stream = await openStream(`${there}/events`, { user: member })
    await stream.until('ready')
    const { id: kept } = await post(chat, 'kept')
    await pair.lag()
    const { id: lost } = await post(there, 'lost')
    expect((await stream.take(2)).map(({ data }) => data['text'])).toEqual(['kept', 'lost'])

    await pair.failOver()
    await back(one.url)
    await back(other.url)
    const next = await post(chat, 'next')
    expect(next.id).toBeGreaterThan(1_700_000_000_000)
    const told = await stream.take(2)
    expect(told.map(({ event }) => event)).toEqual(['reset', 'ready'])
    const again = await post(there, 'lost')
    expect(again.id).toBe(next.id + 1)
    // The reset comes before or after what was posted next; what follows its last event id is told.
    const since = Number(told[0]?.data['last_event_id'])
    expect([kept, next.id]).toContain(since)
    const rest = await stream.take(since === kept ? 2 : 1)
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

  it('nothing is decided on what is lost: neither by version nor by rights', async () => {
    const pair = await aPair()
    const store = await aNode(pair.url)
    const { door } = aDoor()
    const tag = await aChat(store, door)
    await store.append(tag, 0, message('kept'), postKey(aUser(), 'key'))
    await pair.lag()
    const knock = await aKnock(store, tag)
    await store.commit(tag, knock.version, { ...knock.door, rights: 1 }, knock.events, NOON)
    const stale = await loaded(store, tag)
    const { heard } = await watched(store, tag)
    await pair.failOver()
    while (
      await store.ping().then(
        () => false,
        () => true
      )
    )
      await new Promise((resolve) => setTimeout(resolve, 20))
    await until(() => heard.length > 0)
    expect(heard).toEqual(['reset'])

    // Somebody comes to the same numbers on the other server.
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
    await until(() => heard.length === 2)
  })

  it('a master that was a replica for a while knows that it is another one now', async () => {
    const master = await aRedis('--repl-diskless-sync-delay', '0')
    const other = await aRedis('--replicaof', '127.0.0.1', `${master.port}`, '--repl-diskless-sync-delay', '0')
    const synced = async (redis: typeof master, { port }: typeof master) => {
      await redis.cli('replicaof', '127.0.0.1', `${port}`)
      while (!(await redis.cli('info', 'replication')).includes('master_link_status:up')) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const store = await aNode(master.url)
    const tag = await aChat(store)
    await store.append(tag, 0, message('kept'))
    while ((await other.cli('dbsize')) !== '2') await new Promise((resolve) => setTimeout(resolve, 20))
    await other.cli('replicaof', 'no', 'one')
    expect(await store.append(tag, 0, message('lost'))).toMatchObject({ id: 2 })
    // Nobody writes to the chat while the other one is the master.
    await synced(master, other)
    await master.cli('replicaof', 'no', 'one')
    expect(await store.append(tag, 0, message('stale'))).toBe('conflict')
    const { door, lastEventId } = await loaded(store, tag)
    expect(lastEventId).toBe(1)
    expect(await store.append(tag, door.rights, message('next'))).toMatchObject({ id: expect.any(Number) })
    expect(await store.events(tag, 2, ALL)).toBe('cursor-unknown')
    expect(await texts(store, tag)).toEqual(['kept', 'next'])
  })

  it('who was put out before the lost tail stays out, and a remembered door lets nobody in', async () => {
    const pair = await aPair()
    const node = await startBuilt({ env: { STORE_URL: pair.url } })
    const { chat, owner, link, member, requestId } = await createChatWithMember(node)
    expect((await call(chat, { user: member, json: { text: 'in' } })).status).toBe(201)
    expect((await decline(link, owner, requestId)).status).toBe(200)
    await pair.lag()
    const { chat: young } = await createChat(node)
    await pair.failOver()
    await back(node.url)
    expect((await call(chat, { user: member, json: { text: 'out' } })).status).toBe(403)
    expect((await call(young, { user: owner })).status).toBe(404)
  })
})
