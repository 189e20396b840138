/** The store of many processes on a real Redis Cluster, also while chats move between its servers and one of them dies. */
import { afterAll, describe, expect, it } from 'vitest'
import { type ChatTag, postKey, readChatId, tagOf } from '../../../src/chat/ids.ts'
import { type Store, StoreUnavailable } from '../../../src/chat/store.ts'
import { chatKey } from '../../../src/store/redis/server.ts'
import { call, createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { eventually } from '../../support/eventually.ts'
import { runNode } from '../../support/program.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, inTurn } from '../../support/redis.ts'
import { aCluster, type RedisCluster, startCluster } from '../../support/redis-cluster.ts'
import type { Redis } from '../../support/redis-server.ts'
import { openStream } from '../../support/streams.ts'
import { aChat, append, ids, loaded, message, texts, watched } from '../contract/support.ts'

const TIMEOUT_MS = 60_000
const PATIENCE = { withinMs: 20_000 }
/** More on each server than are subscribed to at once. */
const MANY = 360

let shared: Promise<RedisCluster> | undefined
const sharedCluster = (): Promise<RedisCluster> => (shared ??= startCluster())
afterAll(async () => (await shared)?.end())

/** Chats until there is one on each of the masters; those, in the order of the masters. */
async function aChatOnEach<Chat>(cluster: RedisCluster, make: () => Promise<[Chat, ChatTag]>) {
  const found = new Map<Redis, Chat>()
  for (;;) {
    const [chat, tag] = await make()
    for (const home of await homesOf(cluster, [tag])) found.set(home, chat)
    const [first, second, third] = cluster.masters.map((master) => found.get(master))
    if (first !== undefined && second !== undefined && third !== undefined) return [first, second, third] as const
  }
}

/** The masters that have these chats. */
function homesOf({ mastersOf }: RedisCluster, tags: readonly ChatTag[]): Promise<Redis[]> {
  return mastersOf(tags.map(chatKey))
}

/** Posts until `end` is called, each again with the same key until it is acknowledged; gives what was, in order. */
function poster(store: Store, tag: ChatTag, name: string) {
  let isOver = false
  const posted: { text: string; id: number }[] = []
  const refused: unknown[] = []
  async function say(text: string): Promise<void> {
    for (;;) {
      try {
        const { door } = await loaded(store, tag)
        const answer = await store.append(tag, door.rights, message(text), postKey(door.owner, text))
        if (answer === 'conflict') continue
        if (typeof answer === 'string') throw new Error(answer)
        posted.push({ text, id: answer.id })
        return
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
        refused.push(error.cause)
      }
    }
  }
  const run = async () => {
    for (let count = 1; !isOver; count++) await say(`${name}-${count}`)
    return posted
  }
  const done = run()
  return {
    posted,
    refused,
    end: () => {
      isOver = true
      return done
    }
  }
}

function hasMore(posters: readonly { posted: readonly unknown[] }[], before: readonly number[], more: number): boolean {
  return posters.every(({ posted }, index) => posted.length > (before[index] ?? 0) + more)
}

/** Moves a slot with all that is in it as redis-cli does, a key at a time. */
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
  const path = new URL(chat).pathname
  const id = readChatId(path.split('/').at(-1) ?? '')
  if (id === undefined) throw new Error(chat)
  return [{ path, owner }, tagOf(id)]
}

/** Says how it was answered until it was logged. */
async function untilPosted(chat: string, user: string, text: string): Promise<number[]> {
  const statuses: number[] = []
  for (;;) {
    const answer = await call(chat, { user, json: { text } })
    if (answer.status === 201) return statuses
    expect(answer.headers.get('retry-after')).not.toBeNull()
    statuses.push(answer.status)
  }
}

/** From now on the replica does not get what its master gets. */
async function cutOff({ masters, replica }: RedisCluster): Promise<void> {
  const [, , master] = masters
  await master?.cli('wait', '1', '0')
  await master?.cli('config', 'set', 'requirepass', 'nobody')
  await master?.cli('-a', 'nobody', 'client', 'kill', 'type', 'replica')
  const isCutOff = async () => (await replica.cli('info', 'replication')).includes('master_link_status:down')
  await eventually(isCutOff, 'the replica has lost its master', PATIENCE)
}

const everything = (posted: readonly { text: string }[]) => posted.map(({ text }) => text)

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('chats on a cluster', { timeout: TIMEOUT_MS }, () => {
  it('are on all of its servers, and watchers are notified of all', async () => {
    const cluster = await sharedCluster()
    const stores = [await aNode(cluster.url), await aNode(cluster.url)] as const
    const tags = await Promise.all(Array.from({ length: 60 }, () => aChat(stores[0])))
    const homes = await homesOf(cluster, tags)
    expect(new Set(homes).size).toBe(3)
    const watchers = await Promise.all(stores.flatMap((store) => tags.map((tag) => watched(store, tag))))
    for (const text of ['one', 'two', 'three']) {
      await Promise.all(tags.map((tag, index) => append(inTurn(index % 2 === 0 ? stores : [stores[1]]), tag, text)))
    }
    await eventually(() => watchers.every(({ heard }) => heard.length === 3), 'every watcher is notified', PATIENCE)
    for (const { heard } of watchers) expect(heard).toEqual([1, 2, 3])
  })

  it('are watched again when only the subscriptions were lost', async () => {
    const cluster = await sharedCluster()
    const store = await aNode(cluster.url)
    const tags = await Promise.all(Array.from({ length: 30 }, () => aChat(store)))
    const watchers = await Promise.all(tags.map((tag) => watched(store, tag)))
    const posters = tags.map((tag, index) => poster(store, tag, `chat ${index}`))
    for (let kill = 0; kill < 3; kill++) {
      const before = posters.map(({ posted }) => posted.length)
      const killed = await Promise.all(cluster.masters.map((master) => master.cli('client', 'kill', 'type', 'pubsub')))
      expect(killed.map(Number).every((count) => count > 0)).toBe(true)
      await eventually(() => hasMore(posters, before, 5), 'posting goes on everywhere', PATIENCE)
      const isHeard = () => watchers.every(({ heard }, index) => Number(heard.at(-1)) > (before[index] ?? 0))
      await eventually(isHeard, 'every watcher is notified again', PATIENCE)
    }
    const posted = await Promise.all(posters.map(({ end }) => end()))
    const allHeard = () => watchers.every(({ heard }, index) => heard.length >= (posted[index]?.length ?? 0))
    await eventually(allHeard, 'every watcher is notified of everything', PATIENCE)
    expect(watchers.map(({ heard }) => heard)).toEqual(posted.map((all) => all.map(({ id }) => id)))
  })

  it('lose nothing and go on while they move to another server', async () => {
    const cluster = await aCluster()
    const [first, second, third] = cluster.masters
    if (first === undefined || second === undefined || third === undefined) throw new Error()
    const stores = [await aNode(cluster.url), await aNode(cluster.url)] as const
    const tag = await aChat(stores[0])
    const other = await aChat(stores[0])
    const slot = await cluster.slotOf(chatKey(tag))
    // This one only watches: no command of its own shows it the way.
    const bystander = await aNode(cluster.url)
    const watchers = await Promise.all([...stores, bystander].map((store) => watched(store, tag)))
    const posters = [poster(stores[0], tag, 'ana'), poster(stores[1], tag, 'ben'), poster(stores[1], other, 'eve')]
    const times: number[] = []
    for (const to of [first, second, third, first]) {
      const [from = to] = await homesOf(cluster, [tag])
      if (from === to) continue
      await to.cli('script', 'flush')
      const before = posters.map(({ posted }) => posted.length)
      await moveSlot(slot, from, to, cluster)
      const moved = performance.now()
      await eventually(() => hasMore(posters, before, 20), 'posting goes on everywhere', PATIENCE)
      const newest = posters[0]?.posted.at(-1)?.id ?? 0
      const isHeard = () => watchers.every(({ heard }) => Number(heard.at(-1)) >= newest)
      await eventually(isHeard, 'every watcher is notified again', PATIENCE)
      times.push(Math.round(performance.now() - moved))
    }
    process.stderr.write(`heard again after a move: ${times.join(', ')} ms\n`)
    const [ana = [], ben = []] = await Promise.all(posters.map(({ end }) => end()))
    // A moment's wait, and no refusal.
    expect(posters.flatMap(({ refused }) => refused)).toEqual([])
    const log = await ids(stores[0], tag, 0, 100_000_000)
    const allHeard = () => watchers.every(({ heard }) => heard.at(-1) === log.at(-1))
    await eventually(allHeard, 'every watcher is notified of everything', PATIENCE)
    for (const { heard } of watchers) expect(heard).toEqual(log)
    const said = await texts(stores[1], tag)
    expect(said).toHaveLength(ana.length + ben.length)
    expect(said.filter((text) => text.startsWith('ana'))).toEqual(everything(ana))
    expect(said.filter((text) => text.startsWith('ben'))).toEqual(everything(ben))
  })

  it('are served again once a replica has taken over from a server that died, and open streams go on', async () => {
    const cluster = await aCluster()
    const servers = [await startOn(cluster), await startOn(cluster)] as const
    const [one, other, dying] = await aChatOnEach(cluster, () => newChat(servers[0]))
    const at = (server: { url: string }, { path }: { path: string }) => `${server.url}${path}`
    const opened = (chat: { path: string; owner: string }) =>
      Promise.all(servers.map((server) => openStream(`${at(server, chat)}/events`, { user: chat.owner })))
    const [others, readers] = [[...(await opened(one)), ...(await opened(other))], await opened(dying)]
    for (const reader of [...others, ...readers]) await reader.until('ready')
    for (const chat of [one, other, dying]) await post(at(servers[1], chat), chat.owner, 'before')
    for (const reader of [...others, ...readers]) expect((await reader.next())?.data).toMatchObject({ text: 'before' })
    await cutOff(cluster)
    await post(at(servers[0], dying), dying.owner, 'lost')
    for (const reader of readers) expect((await reader.next())?.data).toMatchObject({ text: 'lost' })

    const killed = performance.now()
    await cluster.masters[2]?.kill()
    const statuses = new Set<number>()
    const goesOn = async (server: { url: string }, chat: { path: string; owner: string }, text: string) => {
      for (const status of await untilPosted(at(server, chat), chat.owner, text)) statuses.add(status)
      return Math.round(performance.now() - killed)
    }
    const times = await Promise.all(
      [one, other, dying].map(async (chat) => {
        const first = await goesOn(servers[0], chat, 'after')
        return [first, await goesOn(servers[1], chat, 'again')]
      })
    )
    process.stderr.write(`posted again after a kill: ${times.join('; ')} ms\n`)
    expect([...statuses]).toEqual([503])
    for (const reader of others) {
      expect((await reader.take(2)).map(({ data }) => data['text'])).toEqual(['after', 'again'])
    }

    // Readers that knew a lost event read the chat again, and get what follows.
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

  it('of a server that is gone hold up no others, also of a process that starts meanwhile', async () => {
    const cluster = await aCluster('--cluster-require-full-coverage', 'no', '--appendonly', 'yes')
    const [first, second] = cluster.masters
    if (first === undefined || second === undefined) throw new Error()
    const store = await aNode(cluster.url)
    const all = await Promise.all(Array.from({ length: MANY }, () => aChat(store)))
    const homes = await homesOf(cluster, all)
    const gone = all.filter((_, index) => homes[index] === second)
    const [tag, lost] = [all[homes.indexOf(first)], gone[0]]
    if (tag === undefined || lost === undefined) throw new Error()
    await Promise.all(gone.map((one) => watched(store, one)))
    const { heard } = await watched(store, tag)
    await second.kill()
    const isLost = () =>
      store.load(lost).then(
        () => false,
        () => true
      )
    await eventually(isLost, 'the lost server is seen to be lost', PATIENCE)
    await first.cli('client', 'kill', 'type', 'pubsub')
    const late = await aNode(cluster.url)
    await append(late, tag, 'hello')
    await eventually(() => heard.length === 1, 'the watcher is notified', PATIENCE)
    await expect(late.load(lost)).rejects.toThrow(StoreUnavailable)
    await expect(late.ping()).rejects.toThrow(StoreUnavailable)
    await second.start()
    for (const node of [store, late]) {
      await eventually(() => node.load(lost), 'the server is reached again', PATIENCE)
    }
    await late.ping()
    const again = await watched(late, lost)
    // The first finds that the server was started anew, and has to look at the door again.
    expect(await store.append(lost, 0, message('hello'))).toBe('conflict')
    await append(store, lost, 'hello')
    await eventually(() => again.heard.length === 1, 'the new watcher is notified', PATIENCE)
  })

  it('leave nothing behind that keeps a process from ending once their store is closed', async () => {
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
