/** The cost of the store's scripts for Redis itself, called as fast as one client can. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { newDoor } from '../src/chat/changes.ts'
import { type ChatTag, digestOf, newChatId, newUserId, postKey, tagOf } from '../src/chat/ids.ts'
import { messageJsonAfterId, wholeDoor } from '../src/store/codec.ts'
import { chatKey, keysOf } from '../src/store/redis/keys.ts'
import { SCRIPTS } from '../src/store/redis/scripts.ts'
import { cpuOf } from './process-stats.ts'
import type { RunningRedis } from './redis.ts'

export type Results = [name: string, value: number][]

type Client = ReturnType<typeof clientOf>

const TEXT = 'm'.repeat(120)
const TTL_MS = 2_592_000_000
const MAX_CHAT_BYTES = 2 ** 40
const CHATS = 1000
const WARM_UP = 20_000
const APPENDS = 100_000
const AT_ONCE = 64
/** Connections that are notified of every message. */
const LISTENERS = 8
const CHANNELS = 10_000
const RENEWED_MS = 20_000
const POLL_MS = 500
/** Time for reading the missed events after the subscriptions are renewed. */
const READ_MS = 2000

function clientOf(url: string) {
  return createClient({ url, RESP: 3 })
}

async function connected(url: string): Promise<Client> {
  const client = clientOf(url)
  await client.connect()
  return client
}

async function newChats(client: Client, count: number): Promise<ChatTag[]> {
  const doors = Array.from({ length: count }, () => newDoor(newChatId(), digestOf(newUserId()), Date.now()))
  const create = (door: (typeof doors)[number]) =>
    client.eval(SCRIPTS.create.source, {
      keys: keysOf(tagOf(door.chat)),
      arguments: [wholeDoor(door).head, door.rights, door.createdAt, TTL_MS].map(String)
    })
  await Promise.all(doors.map(create))
  return doors.map(({ chat }) => tagOf(chat))
}

/** Appends `count` messages, distributed evenly over the chats. */
async function append(client: Client, tags: readonly ChatTag[], count: number, isKeyed = false): Promise<void> {
  let begun = 0
  const { digest } = SCRIPTS.append
  async function appendNext(): Promise<void> {
    for (let tag = tags[begun % tags.length]; begun < count && tag !== undefined; tag = tags[begun % tags.length]) {
      begun += 1
      const now = Date.now()
      const key = isKeyed ? postKey(digestOf(newUserId()), `${begun}`) : ''
      const args = [
        0,
        messageJsonAfterId({ from: 'owner', text: TEXT, createdAt: now }),
        now,
        MAX_CHAT_BYTES,
        TTL_MS,
        key
      ].map(String)
      const reply = await client.evalSha(digest, { keys: keysOf(tag), arguments: args })
      if (!Array.isArray(reply)) throw new Error(`An append was answered with ${reply}.`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, appendNext))
}

/** The counters that Redis reports itself. */
async function countersOf(client: Client) {
  const info = await client.info()
  const read = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1])
  return {
    memory: read('used_memory'),
    received: read('total_net_input_bytes'),
    sent: read('total_net_output_bytes')
  }
}

/** The cost of appending one message: CPU in µs, and the counters of Redis. */
async function costOf(client: Client, pid: number, tags: readonly ChatTag[], isKeyed = false) {
  const before = await countersOf(client)
  const [cpu, startedAt] = [cpuOf(pid), performance.now()]
  await append(client, tags, APPENDS, isKeyed)
  const [cpuAfter, endedAt] = [cpuOf(pid), performance.now()]
  const after = await countersOf(client)
  return {
    cpu: (cpuAfter - cpu) / APPENDS,
    perSecond: (APPENDS * 1000) / (endedAt - startedAt),
    memory: (after.memory - before.memory) / APPENDS,
    received: (after.received - before.received) / APPENDS,
    sent: (after.sent - before.sent) / APPENDS
  }
}

export async function measureAppends({ url, pid }: RunningRedis): Promise<Results> {
  const client = await connected(url)
  const listeners = await Promise.all(Array.from({ length: LISTENERS }, () => connected(url)))
  try {
    await client.scriptLoad(SCRIPTS.append.source)
    const empty = await countersOf(client)
    const tags = await newChats(client, CHATS)
    const created = await countersOf(client)
    await append(client, tags, WARM_UP)
    const plain = await costOf(client, pid, tags)
    const keyed = await costOf(client, pid, tags, true)
    const channels = tags.map(chatKey)
    await Promise.all(listeners.map((listener) => listener.sSubscribe(channels, () => undefined)))
    const notified = await costOf(client, pid, tags)
    return [
      ['chat without events: bytes in Redis', (created.memory - empty.memory) / CHATS],
      ['message of 120 bytes: Redis CPU, µs', plain.cpu],
      ['messages/s of one client', plain.perSecond],
      ['message: bytes in Redis', plain.memory],
      ['message: bytes to Redis', plain.received],
      ['message: bytes of the answer', plain.sent],
      ['message with Idempotency-Key: Redis CPU, µs', keyed.cpu],
      ['message with Idempotency-Key: bytes in Redis', keyed.memory],
      ['message, for each watching node: Redis CPU, µs', (notified.cpu - plain.cpu) / LISTENERS],
      ['message, for each watching node: bytes from Redis', (notified.sent - plain.sent) / LISTENERS]
    ]
  } finally {
    for (const one of [client, ...listeners]) one.destroy()
  }
}

export async function measureSubscriptions({ url, pid }: RunningRedis): Promise<Results> {
  const [client, listener] = [await connected(url), await connected(url)]
  try {
    const channels = Array.from({ length: CHANNELS }, () => chatKey(tagOf(newChatId())))
    const before = await countersOf(client)
    const cpu = cpuOf(pid)
    for (const channel of channels) await listener.sSubscribe(channel, () => undefined)
    return [
      ['subscription: bytes in Redis', ((await countersOf(client)).memory - before.memory) / CHANNELS],
      ['subscription: Redis CPU, µs', (cpuOf(pid) - cpu) / CHANNELS]
    ]
  } finally {
    client.destroy()
    listener.destroy()
  }
}

/** Appends over a new connection. */
export async function appendTo(url: string, tags: readonly ChatTag[], count: number): Promise<void> {
  const client = await connected(url)
  try {
    await client.scriptLoad(SCRIPTS.append.source)
    await append(client, tags, count)
  } finally {
    client.destroy()
  }
}

/** Cuts the subscriber connections, then waits until all chats are subscribed again and the missed events are read. */
export async function loseSubscriptions(url: string): Promise<void> {
  const client = await connected(url)
  try {
    const { length } = await client.pubSubShardChannels()
    await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'PUBSUB'])
    const deadline = performance.now() + RENEWED_MS
    for (let found = 0; found < length; found = (await client.pubSubShardChannels()).length) {
      if (performance.now() > deadline) throw new Error(`Only ${found} of ${length} chats are subscribed again.`)
      await sleep(POLL_MS)
    }
    await sleep(READ_MS)
  } finally {
    client.destroy()
  }
}
