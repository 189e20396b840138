/** A real Redis Cluster: three servers that share all chats, and one that stands by. */
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'
import { freePort } from './ports.ts'
import { type Redis, startRedis } from './redis-server.ts'

/** When a server counts as lost, for the others. */
const NODE_TIMEOUT_MS = 1500
/** How long a cluster may take to agree on something. */
const PATIENCE = { withinMs: 20_000 }
/** In one call: a thousand processes would hold up the tests themselves. */
const SLOTS_OF = `
  local slots = {}
  for index, key in ipairs(ARGV) do slots[index] = redis.call('CLUSTER', 'KEYSLOT', key) end
  return slots`

export interface RedisCluster {
  /** The address of one server: the others are found from there. */
  readonly url: string
  readonly masters: readonly Redis[]
  /** Of the last of the masters. */
  readonly replica: Redis
  /** The masters that have these keys, as the servers see it. */
  mastersOf(keys: readonly string[]): Promise<Redis[]>
  /** The slot of a key. */
  slotOf(key: string): Promise<number>
  idOf(redis: Redis): Promise<string>
  end(): Promise<void>
}

/** With these settings of every server. */
export async function startCluster(...settings: string[]): Promise<RedisCluster> {
  const started = await Promise.all(Array.from({ length: 4 }, () => startNode(settings)))
  const [first, second, third, fourth] = started
  if (first === undefined || second === undefined || third === undefined || fourth === undefined) throw new Error()
  const masters = [first.redis, second.redis, third.redis]
  const replica = fourth.redis
  const idOf = (redis: Redis) => redis.cli('cluster', 'myid')

  await first.redis.cli('--cluster', 'create', ...[first, second, third].map(({ address }) => address), '--cluster-yes')
  await first.redis.cli('cluster', 'meet', '127.0.0.1', `${replica.port}`, `${fourth.bus}`)
  const all = [...masters, replica]
  await eventually(async () => (await knownTo(replica)) === all.length, 'the replica knows all servers', PATIENCE)
  await replica.cli('cluster', 'replicate', await idOf(third.redis))
  const allWhole = async () => (await Promise.all(all.map(isWhole))).every(Boolean)
  await eventually(allWhole, 'all servers know a whole cluster', PATIENCE)
  const isLinked = async () => (await replica.cli('info', 'replication')).includes('master_link_status:up')
  await eventually(isLinked, 'the replica follows its master', PATIENCE)

  return {
    url: first.redis.url,
    masters,
    replica,
    idOf,
    slotOf: async (key) => Number(await first.redis.cli('cluster', 'keyslot', key)),
    mastersOf: async (keys) => {
      const slots = (await first.redis.cli('eval', SLOTS_OF, '0', ...keys)).split('\n').map(Number)
      const nodes = (await first.redis.cli('cluster', 'nodes')).split('\n')
      return slots.map((slot) => {
        const line = nodes.find((node) => hasSlot(node, slot))
        const port = Number(/:(\d+)@/.exec(line ?? '')?.[1])
        const master = all.find((redis) => redis.port === port)
        if (master === undefined) throw new Error(`nobody has slot ${slot}`)
        return master
      })
    },
    end: async () => void (await Promise.all(all.map((redis) => redis.end())))
  }
}

/** As above, until the end of the test. */
export async function aCluster(...settings: string[]): Promise<RedisCluster> {
  const cluster = await startCluster(...settings)
  onTestFinished(cluster.end)
  return cluster
}

async function startNode(settings: readonly string[]) {
  const bus = await freePort()
  const redis = await startRedis(
    ...['--cluster-enabled', 'yes', '--cluster-port', `${bus}`, '--cluster-node-timeout', `${NODE_TIMEOUT_MS}`],
    ...['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'],
    ...settings
  )
  return { redis, bus, address: `127.0.0.1:${redis.port}@${bus}` }
}

async function knownTo(redis: Redis): Promise<number> {
  const nodes = (await redis.cli('cluster', 'nodes')).split('\n')
  return nodes.filter((node) => !node.includes('handshake')).length
}

async function isWhole(redis: Redis): Promise<boolean> {
  const info = await redis.cli('cluster', 'info')
  const nodes = await redis.cli('cluster', 'nodes')
  return info.includes('cluster_state:ok') && nodes.includes('slave')
}

/** Whether a line of `CLUSTER NODES` names the slot as one of its node's own. */
function hasSlot(node: string, slot: number): boolean {
  return node
    .split(' ')
    .slice(8)
    .some((range) => {
      const [from, to = from] = range.split('-').map(Number)
      return from !== undefined && to !== undefined && from <= slot && slot <= to
    })
}
