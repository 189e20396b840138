/** The cost of open streams for a node with a Redis store, in the most expensive case: one stream in each chat. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChatTag, readChatId, tagOf } from '../src/chat/ids.ts'
import { cpuOf, memoryKiBOf } from './process-stats.ts'
import { createChat, type OwnChat } from './publishers.ts'
import type { RunningRedis } from './redis.ts'
import { appendTo, loseSubscriptions, type Results } from './redis-costs.ts'
import { OURS, type RunningServer, startServer } from './servers.ts'

const CHATS = 4000
const AT_ONCE = 32
const SETTLE_MS = 3000
const HEARTBEAT_SECONDS = 1
const HEARTBEATS_MS = 8000
const FEWER = 500
const READERS = 10
const MESSAGES = 20_000
const DELIVERY_MS = 20_000
const POLL_MS = 5

export async function measureStreams(redis: RunningRedis, pinned: readonly string[]): Promise<Results> {
  const { url } = redis
  const settings = { STORE_URL: url, MAX_STREAMS: '1000000' }
  // Another process creates the chats, so that this does not count for the measured node.
  const maker = await startServer(OURS, [], settings)
  const chats = await inParallel(CHATS, () => createChat(maker.url))
  maker.stop()
  const idle = await measureIdle(redis, chats, pinned, { ...settings, HEARTBEAT_SECONDS: `${HEARTBEAT_SECONDS}` })
  const quiet = { ...settings, HEARTBEAT_SECONDS: '3600' }
  const one = await measureDelivery(url, chats.slice(0, FEWER), pinned, { settings: quiet, readers: 1 })
  const many = await measureDelivery(url, chats.slice(FEWER, 2 * FEWER), pinned, { settings: quiet, readers: READERS })
  const delivery = (many - one) / (READERS - 1)
  return [
    ...idle,
    ['notification of a message: node CPU, µs', one - delivery],
    ['delivery to a stream: node CPU, µs', delivery]
  ]
}

async function measureIdle(
  redis: RunningRedis,
  chats: readonly OwnChat[],
  pinned: readonly string[],
  settings: Record<string, string>
) {
  const node = await startServer(OURS, pinned, settings)
  const sockets: Socket[] = []
  try {
    const [memory, cpu, redisCpu] = [memoryKiBOf(node.pid), cpuOf(node.pid), cpuOf(redis.pid)]
    await openAll(node, chats, sockets)
    const [opening, redisOpening] = [cpuOf(node.pid) - cpu, cpuOf(redis.pid) - redisCpu]
    await sleep(SETTLE_MS)
    const results: Results = [
      ['stream in a chat of its own: KiB of a node', (memoryKiBOf(node.pid) - memory) / chats.length],
      ['opening such a stream: node CPU, µs', opening / chats.length],
      ['opening such a stream: Redis CPU, µs', redisOpening / chats.length]
    ]
    const before = cpuOf(node.pid)
    await sleep(HEARTBEATS_MS)
    const heartbeats = (chats.length * HEARTBEATS_MS) / 1000 / HEARTBEAT_SECONDS
    results.push(['heartbeat: node CPU, µs', (cpuOf(node.pid) - before) / heartbeats])
    const renewing = cpuOf(redis.pid)
    await loseSubscriptions(redis.url)
    return [
      ...results,
      ['renewed subscription after a connection loss: Redis CPU, µs', (cpuOf(redis.pid) - renewing) / chats.length]
    ] satisfies Results
  } finally {
    for (const socket of sockets) socket.destroy()
    node.stop()
  }
}

interface Delivery {
  readonly settings: Record<string, string>
  /** Readers of each chat. */
  readonly readers: number
}

/** The node's CPU per message, in µs, if another process appends the messages. */
async function measureDelivery(
  redis: string,
  chats: readonly OwnChat[],
  pinned: readonly string[],
  { settings, readers }: Delivery
): Promise<number> {
  const node = await startServer(OURS, pinned, settings)
  const sockets: Socket[] = []
  try {
    let received = 0
    const count = (bytes: Buffer) => {
      for (let at = bytes.indexOf('event: m'); at !== -1; at = bytes.indexOf('event: m', at + 1)) received += 1
    }
    const all = chats.flatMap((chat) => Array.from({ length: readers }, () => chat))
    await openAll(node, all, sockets, count)
    const tags = chats.map(tagIn)
    const measure = async (messages: number): Promise<number> => {
      const wanted = received + messages * readers
      const before = cpuOf(node.pid)
      await appendTo(redis, tags, messages)
      const deadline = performance.now() + DELIVERY_MS
      // An event name that is split between two reads is not counted.
      while (received < wanted * 0.999 && performance.now() < deadline) await sleep(POLL_MS)
      if (received < wanted * 0.999) throw new Error(`Only ${received} of ${wanted} messages were delivered.`)
      return (cpuOf(node.pid) - before) / messages
    }
    await measure(MESSAGES / 4)
    return await measure(MESSAGES)
  } finally {
    for (const socket of sockets) socket.destroy()
    node.stop()
  }
}

function tagIn({ url }: OwnChat): ChatTag {
  const id = readChatId(new URL(url).pathname.split('/').at(-1) ?? '')
  if (id === undefined) throw new Error('A chat has no id.')
  return tagOf(id)
}

async function inParallel<Result>(count: number, make: (index: number) => Promise<Result>): Promise<Result[]> {
  const made: Result[] = []
  let begun = 0
  async function makeNext(): Promise<void> {
    while (begun < count) made.push(await make(begun++))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, makeNext))
  return made
}

async function openAll(
  node: RunningServer,
  chats: readonly OwnChat[],
  sockets: Socket[],
  onBytes: (bytes: Buffer) => void = () => undefined
): Promise<void> {
  const { hostname, port } = new URL(node.url)
  await inParallel(chats.length, async (index) => {
    const chat = chats[index]
    if (chat === undefined) return
    const socket = connect({ host: hostname, port: Number(port) })
    sockets.push(socket)
    socket.write(
      `GET ${new URL(chat.url).pathname}/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAccept: text/event-stream\r\n` +
        `Authorization: ${chat.headers['authorization']}\r\n\r\n`
    )
    await new Promise<void>((resolve, reject) => {
      let opening = ''
      let isOpen = false
      socket.once('error', reject)
      socket.on('data', (bytes) => {
        onBytes(bytes)
        if (isOpen) return
        opening += bytes.toString('latin1')
        isOpen = opening.includes('event: ready')
        if (isOpen) resolve()
      })
    })
  })
}
