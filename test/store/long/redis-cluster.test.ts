/** The Redis store on a real Redis Cluster, also while slots move between its servers and after one of them has died. */
import { afterAll, describe, expect, it } from 'vitest'
import type { ChatTag } from '../../../src/chat/ids.ts'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { chatKey } from '../../../src/store/redis/keys.ts'
import type { Crowd } from '../../kit/crowd.ts'
import { call, createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { eventually } from '../../support/eventually.ts'
import { runNode } from '../../support/program.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, inTurn } from '../../support/redis.ts'
import { aCluster, type RedisCluster, startCluster } from '../../support/redis-cluster.ts'
import type { Redis } from '../../support/redis-server.ts'
import { openStream } from '../../support/streams.ts'
import { aChat, append, message, tagIn, texts, watched } from '../contract/support.ts'
import { gatherAt, startNode } from './nodes.ts'

const TIMEOUT_MS = 60_000
const PATIENCE = { withinMs: 20_000 }
/** So many that each server has more than one batch of subscriptions. */
const MANY = 360

let shared: Promise<RedisCluster> | undefined
const sharedCluster = (): Promise<RedisCluster> => (shared ??= startCluster())
afterAll(async () => (await shared)?.end())

/** Creates chats until there is one on each master, and returns these in the order of the masters. */
async function aChatOnEach<Chat>(cluster: RedisCluster, make: () => Promise<[Chat, ChatTag]>) {
  const found = new Map<Redis, Chat>()
  for (;;) {
    const [chat, tag] = await make()
    for (const home of await homesOf(cluster, [tag])) found.set(home, chat)
    const [first, second, third] = cluster.masters.map((master) => found.get(master))
    if (first !== undefined && second !== undefined && third !== undefined) return [first, second, third] as const
  }
}

/** The masters of these chats. */
function homesOf({ mastersOf }: RedisCluster, tags: readonly ChatTag[]): Promise<Redis[]> {
  return mastersOf(tags.map(chatKey))
}

/** Waits until every reader has received the events that are acknowledged now. */
async function allReadersCatchUp(crowd: Crowd): Promise<void> {
  const newest = crowd.books.map((book) => Math.max(...book.posts.map(({ id = 0 }) => id)))
  const haveCaughtUp = () =>
    crowd.books.every(({ readers }, index) => readers.every((reader) => reader.newest >= (newest[index] ?? 0)))
  await eventually(haveCaughtUp, 'every reader has caught up', PATIENCE)
}

/** Moves a slot as redis-cli does, key by key. */
async function moveSlot(slot: number, from: Redis, to: Redis, { idOf, masters }: RedisCluster): Promise<void> {
  const [source, target] = [await idOf(from), await idOf(to)]
  await to.cli('cluster', 'setslot', `${slot}`, 'importing', source)
  await from.cli('cluster', 'setslot', `${slot}`, 'migrating', target)
  const keysLeft = async () => (await from.cli('cluster', 'getkeysinslot', `${slot}`, '1')).trim()
  for (let key = await keysLeft(); key !== ''; key = await keysLeft()) {
    await from.cli('migrate', '127.0.0.1', `${to.port}`, key, '0', '5000')
  }
  for (const redis of [to, from, ...masters]) await redis.cli('cluster', 'setslot', `${slot}`, 'node', target)
}

const startOn = ({ url }: RedisCluster) => startBuilt({ env: { STORE_URL: url } })

async function newChat(server: { url: string }): Promise<[{ path: string; owner: string }, ChatTag]> {
  const { chat, owner } = await createChat(server)
  return [{ path: new URL(chat).pathname, owner }, tagIn(chat)]
}

/** Posts until the message is accepted, and returns the statuses of all refusals. */
async function postUntilAccepted(chat: string, user: string, text: string): Promise<number[]> {
  const refusals: Response[] = []
  const isPosted = async () => {
    const answer = await call(chat, { user, json: { text } })
    if (answer.status !== 201) refusals.push(answer)
    return answer.status === 201
  }
  await eventually(isPosted, 'a post is accepted', PATIENCE)
  for (const { headers } of refusals) expect(headers.get('retry-after')).not.toBeNull()
  return refusals.map(({ status }) => status)
}

/** Stops the replication. */
async function stopReplication({ masters, replica }: RedisCluster): Promise<void> {
  const [, , master] = masters
  await master?.cli('wait', '1', '0')
  await master?.cli('config', 'set', 'requirepass', 'nobody')
  await master?.cli('-a', 'nobody', 'client', 'kill', 'type', 'replica')
  const isStopped = async () => (await replica.cli('info', 'replication')).includes('master_link_status:down')
  await eventually(isStopped, 'the replica has lost its master', PATIENCE)
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('chats on a cluster', { timeout: TIMEOUT_MS }, () => {
  it('are distributed over its servers, and watchers are notified of all events', async () => {
    const cluster = await sharedCluster()
    const stores = [await aNode(cluster.url), await aNode(cluster.url)] as const
    const tags = await Promise.all(Array.from({ length: 60 }, () => aChat(stores[0])))
    const homes = await homesOf(cluster, tags)
    expect(new Set(homes).size).toBe(3)
    const watchers = await Promise.all(stores.flatMap((store) => tags.map((tag) => watched(store, tag))))
    for (const text of ['one', 'two', 'three']) {
      await Promise.all(tags.map((tag, index) => append(inTurn(index % 2 === 0 ? stores : [stores[1]]), tag, text)))
    }
    await eventually(
      () => watchers.every(({ notified }) => notified.length === 3),
      'every watcher is notified',
      PATIENCE
    )
    for (const { notified } of watchers) expect(notified).toEqual([1, 2, 3])
  })

  it('are watched again after only the subscriptions were lost', async () => {
    const cluster = await sharedCluster()
    const { crowd, finish } = await gatherAt([await startNode(cluster.url)], { chats: 12 })
    for (let kill = 0; kill < 3; kill++) {
      await crowd.acknowledged(200)
      const killed = await Promise.all(cluster.masters.map((master) => master.cli('client', 'kill', 'type', 'pubsub')))
      expect(killed.reduce((sum, count) => sum + Number(count), 0)).toBeGreaterThan(0)
      await crowd.acknowledged(200)
      await allReadersCatchUp(crowd)
    }
    expect(await finish()).toMatchObject({ lost: 0, refused: 0, reconnects: 0 })
  })

  it('lose nothing and can be used while they move to another server', async () => {
    const cluster = await aCluster()
    const [first, second, third] = cluster.masters
    if (first === undefined || second === undefined || third === undefined) throw new Error()
    const nodes = [await startNode(cluster.url), await startNode(cluster.url)] as const
    // Nobody posts at this node, so no command of its own tells it where the chat has moved.
    const watching = await startNode(cluster.url)
    const { crowd, finish } = await gatherAt([...nodes, watching], { postingAt: nodes, mayJump: true, chats: 2 })
    const tag = tagIn(crowd.books[0]?.owner.url ?? '')
    const slot = await cluster.slotOf(chatKey(tag))
    for (const to of [first, second, third, first]) {
      const [from = to] = await homesOf(cluster, [tag])
      if (from === to) continue
      await to.cli('script', 'flush')
      await moveSlot(slot, from, to, cluster)
      await crowd.acknowledged(100)
      await allReadersCatchUp(crowd)
    }
    // Posts can be delayed, but are not refused.
    expect(await finish()).toMatchObject({ lost: 0, refused: 0, reconnects: 0 })
  })

  it('are watched on their new server at once, also by a node that sends no commands about them', async () => {
    const cluster = await aCluster()
    const [posting, watching] = [await aNode(cluster.url), await aNode(cluster.url)]
    const tags = await Promise.all(Array.from({ length: MANY }, () => aChat(posting)))
    for (const tag of tags.slice(0, -1)) await watched(watching, tag)
    // Its position is checked after those of all others.
    const [last] = tags.slice(-1)
    if (last === undefined) throw new Error()
    const { notified } = await watched(watching, last)
    const [from] = await homesOf(cluster, [last])
    const to = cluster.masters.find((master) => master !== from)
    if (from === undefined || to === undefined) throw new Error()
    expect(await texts(posting, last)).toEqual([])
    await moveSlot(await cluster.slotOf(chatKey(last)), from, to, cluster)
    // The node does not know yet, and its connection for pages is told.
    expect(await texts(posting, last)).toEqual([])
    // Another server: the caller must load the door again.
    expect(await posting.append(last, 0, message('moved'))).toBe('conflict')
    await append(posting, last, 'moved')
    await eventually(() => notified.length === 1, 'the watcher is notified', { withinMs: 8000 })
  })

  it('can be used again after a replica has replaced a dead server, and open streams continue', async () => {
    const cluster = await aCluster()
    const servers = [await startOn(cluster), await startOn(cluster)] as const
    const [one, other, dying] = await aChatOnEach(cluster, () => newChat(servers[0]))
    const at = (server: { url: string }, { path }: { path: string }) => `${server.url}${path}`
    const openAll = (chat: { path: string; owner: string }) =>
      Promise.all(servers.map((server) => openStream(`${at(server, chat)}/events`, { user: chat.owner })))
    const [others, readers] = [[...(await openAll(one)), ...(await openAll(other))], await openAll(dying)]
    for (const reader of [...others, ...readers]) await reader.until('ready')
    for (const chat of [one, other, dying]) await post(at(servers[1], chat), chat.owner, 'before')
    for (const reader of [...others, ...readers]) expect((await reader.next())?.data).toMatchObject({ text: 'before' })
    await stopReplication(cluster)
    await post(at(servers[0], dying), dying.owner, 'lost')
    for (const reader of readers) expect((await reader.next())?.data).toMatchObject({ text: 'lost' })

    const killed = performance.now()
    await cluster.masters[2]?.kill()
    const statuses = new Set<number>()
    const postAgain = async (server: { url: string }, chat: { path: string; owner: string }, text: string) => {
      for (const status of await postUntilAccepted(at(server, chat), chat.owner, text)) statuses.add(status)
      return Math.round(performance.now() - killed)
    }
    const times = await Promise.all(
      [one, other, dying].map(async (chat) => {
        const first = await postAgain(servers[0], chat, 'after')
        return [first, await postAgain(servers[1], chat, 'again')]
      })
    )
    process.stderr.write(`posted again after a kill: ${times.join('; ')} ms\n`)
    expect([...statuses]).toEqual([503])
    for (const reader of others) {
      expect((await reader.take(2)).map(({ data }) => data['text'])).toEqual(['after', 'again'])
    }

    // Readers of a lost event get a reset, and then the events after its last event id.
    const resets = await Promise.all(readers.map((reader) => reader.until('reset')))
    process.stderr.write(`reset after ${Math.round(performance.now() - killed)} ms\n`)
    const chat = await call(at(servers[0], dying), { user: dying.owner })
    const { messages }: { messages: { id: number; text: string }[] } = JSON.parse(await chat.text())
    expect(messages.map(({ text }) => text)).toEqual(['before', 'after', 'again'])
    await post(at(servers[0], dying), dying.owner, 'live')
    for (const [index, reader] of readers.entries()) {
      const resetTo = Number(resets[index]?.at(-1)?.data['last_event_id'])
      const missed = messages.filter(({ id }) => id > resetTo).map(({ text }) => text)
      const received = (await reader.until('ready')).concat(await reader.take(missed.length + 1))
      expect(received.flatMap(({ event, data }) => (event === 'message' ? data['text'] : []))).toEqual([
        ...missed,
        'live'
      ])
    }
    for (const server of servers) {
      expect(server.child.exitCode).toBeNull()
      await server.stop()
      expect(server.child.exitCode).toBe(0)
    }
  })

  it('of a dead server do not delay other chats, even in a process that starts meanwhile', async () => {
    const cluster = await aCluster('--cluster-require-full-coverage', 'no', '--appendonly', 'yes')
    const [first, second] = cluster.masters
    if (first === undefined || second === undefined) throw new Error()
    const store = await aNode(cluster.url)
    const all = await Promise.all(Array.from({ length: MANY }, () => aChat(store)))
    const homes = await homesOf(cluster, all)
    const unreachable = all.filter((_, index) => homes[index] === second)
    const [tag, lost] = [all[homes.indexOf(first)], unreachable[0]]
    if (tag === undefined || lost === undefined) throw new Error()
    await Promise.all(unreachable.map((one) => watched(store, one)))
    const { notified } = await watched(store, tag)
    await second.kill()
    const isLost = () =>
      store.load(lost).then(
        () => false,
        () => true
      )
    await eventually(isLost, 'the store notices the dead server', PATIENCE)
    await first.cli('client', 'kill', 'type', 'pubsub')
    const late = await aNode(cluster.url)
    await append(late, tag, 'hello')
    await eventually(() => notified.length === 1, 'the watcher is notified', PATIENCE)
    await expect(late.load(lost)).rejects.toThrow(StoreUnavailable)
    await expect(late.ping()).rejects.toThrow(StoreUnavailable)
    await second.start()
    for (const node of [store, late]) {
      await eventually(() => node.load(lost), 'the server is reached again', PATIENCE)
    }
    await late.ping()
    const again = await watched(late, lost)
    // The store sees that the server was restarted, so the caller must load the door again.
    expect(await store.append(lost, 0, message('hello'))).toBe('conflict')
    await append(store, lost, 'hello')
    await eventually(() => again.notified.length === 1, 'the new watcher is notified', PATIENCE)
  })

  it('do not keep the process running after their store is closed', async () => {
    const { url } = await sharedCluster()
    const source = `
      import { openRedisStore } from './src/store/redis/open.ts'
      const none = () => undefined
      const store = await openRedisStore('${url}', { maxChatBytes: 1e6, chatTtlMs: 0, onLost: none, onBack: none, onFault: none })
      for (const tag of 'abcdefghi') await store.watch(tag, none)
      await store.ping()
      await store.close()`
    const { ended } = runNode({ args: ['--import', 'tsx', '--input-type=module', '--eval', source] })
    expect(await ended).toMatchObject({ code: 0, err: '' })
  })
})
