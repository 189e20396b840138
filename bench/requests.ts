/** Posting and reading with autocannon: requests per second, and their cost for the server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import type { Measurement, Setup } from './measurement.ts'
import { cpuOf } from './process-stats.ts'
import { BODY, createChat, type OwnChat, post } from './publishers.ts'
import { hasRedis, startRedis } from './redis.ts'
import type { RunningServer } from './servers.ts'

interface Load {
  readonly method: 'GET' | 'POST'
  readonly connections: number
  /** Ends when `seconds` or `most` is reached. */
  readonly seconds: number
  readonly most?: number
}

/** autocannon stops at the end of a sample, so this is the precision of its duration. */
const SAMPLE_MS = 100
/** Lets the code be compiled, which depends on the number of requests more than on time. */
const WARM_UP = { POST: { seconds: 3.5, most: 20_000 }, GET: { seconds: 1, most: 1000 } }
const HISTORY = 1000

async function load({ url, headers }: OwnChat, { method, connections, seconds, most }: Load) {
  const result = await autocannon({
    url,
    method,
    headers: { ...headers },
    connections,
    duration: seconds,
    sampleInt: SAMPLE_MS,
    ...(method === 'POST' && { body: BODY }),
    ...(most !== undefined && { maxOverallRequests: most })
  })
  const refused = result.non2xx + result.errors
  if (refused > 0) throw new Error(`${refused} of ${result.requests.total} requests failed.`)
  return {
    requests: result.requests.total,
    perSecond: result.requests.total / result.duration,
    p99: result.latency.p99
  }
}

/** Requests/s, CPU µs a request, p99 in ms. */
async function measureLoad({ pid }: RunningServer, chat: OwnChat, wanted: Load): Promise<readonly number[]> {
  const before = cpuOf(pid)
  const { requests, perSecond, p99 } = await load(chat, wanted)
  return [perSecond, (cpuOf(pid) - before) / requests, p99]
}

export const postMessages: Measurement = {
  name: 'post',
  rounds: 3,
  rows: ['Post, 32 connections: requests/s', 'server CPU, µs a request', 'p99, ms'],
  async measure(server) {
    const wanted: Load = { method: 'POST', connections: 32, seconds: 1 }
    await load(await createChat(server.url), { ...wanted, ...WARM_UP.POST })
    return measureLoad(server, await createChat(server.url), wanted)
  }
}

/** The same with a file store, which answers only after a sync. */
export const postSynced: Measurement = {
  ...postMessages,
  name: 'post, synced',
  rounds: 1,
  rows: ['Post with a file store, 32 connections: requests/s', ...postMessages.rows.slice(1)],
  setup: {
    nodes: 1,
    missing: () => undefined,
    async open() {
      const folder = mkdtempSync(join(tmpdir(), 'silly-chat-bench-'))
      const stop = () => rmSync(folder, { recursive: true, force: true })
      process.once('exit', stop)
      return { url: `file:${join(folder, 'chats')}`, stop }
    }
  }
}

const REDIS: Setup = {
  nodes: 2,
  missing: () => (hasRedis() ? undefined : 'redis-server is not installed'),
  open: startRedis
}

const rowsFor = (nodes: string) => [
  `Post with Redis, ${nodes}, 32 connections: requests/s`,
  'CPU of nodes, µs a request',
  'CPU of Redis, µs a request',
  'p99, ms'
]

/** Posts to one chat through one node, then through both at once. The nodes and Redis share one core. */
export const postThroughRedis: Measurement = {
  name: 'post, Redis',
  rounds: 1,
  rows: [...rowsFor('one node'), ...rowsFor('two nodes')],
  setup: REDIS,
  async measure(server, { nodes, store }) {
    const wanted: Load = { method: 'POST', connections: 32, seconds: 1 }
    const both = [server, ...nodes]
    await loadAll(both, { ...wanted, ...WARM_UP.POST })
    const measure = async (servers: readonly RunningServer[]): Promise<number[]> => {
      const pids = servers.map(({ pid }) => pid)
      const redis = store?.pid === undefined ? [] : [store.pid]
      const [before, beforeInRedis] = [cpuOfAll(pids), cpuOfAll(redis)]
      const loads = await loadAll(servers, wanted)
      const [cpu, inRedis] = [cpuOfAll(pids) - before, cpuOfAll(redis) - beforeInRedis]
      const requests = sum(loads.map((one) => one.requests))
      const perSecond = sum(loads.map((one) => one.perSecond))
      return [perSecond, cpu / requests, inRedis / requests, Math.max(...loads.map(({ p99 }) => p99))]
    }
    return [...(await measure([server])), ...(await measure(both))]
  }
}

/** Posts to one chat through all servers at once. */
async function loadAll(servers: readonly RunningServer[], wanted: Load) {
  const chat = await createChat(servers[0]?.url ?? '')
  const { origin } = new URL(chat.url)
  return await Promise.all(
    servers.map(({ url }) => load({ ...chat, url: chat.url.replace(origin, url) }, share(wanted, servers.length)))
  )
}

/** Divides a load into equal parts. */
function share({ connections, most, ...rest }: Load, parts: number): Load {
  return { ...rest, connections: connections / parts, ...(most !== undefined && { most: most / parts }) }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function cpuOfAll(pids: readonly number[]): number {
  return sum(pids.map(cpuOf))
}

export const readHistory: Measurement = {
  name: 'history',
  rounds: 1,
  rows: ['Read 1,000 messages, 8 connections: requests/s', 'server CPU, µs a request'],
  async measure(server) {
    const wanted: Load = { method: 'GET', connections: 8, seconds: 1 }
    const chat = await createChat(server.url)
    const posted = await post(chat, { publishers: 8, most: HISTORY, forMs: 10_000 })
    if (posted < HISTORY) throw new Error(`${server.name} accepted only ${posted} of ${HISTORY} messages in 10 s.`)
    await load(chat, { ...wanted, ...WARM_UP.GET })
    return (await measureLoad(server, chat, wanted)).slice(0, 2)
  }
}
