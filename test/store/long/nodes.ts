/** Built servers with one durable Redis, a crowd that uses them, and checks of servers that cannot reach it. */
import { expect, onTestFinished } from 'vitest'
import { Crowd, talkers } from '../../kit/crowd.ts'
import { call, refusal } from '../../support/api.ts'
import { type BuiltServer, startBuilt } from '../../support/built-server.ts'
import { eventually } from '../../support/eventually.ts'
import { aRedis } from '../../support/redis.ts'
import type { Redis } from '../../support/redis-server.ts'
import { aRandom } from '../../support/seed.ts'

type Nodes = readonly [BuiltServer, ...BuiltServer[]]

/** The store gives up a command after three seconds. */
export const REFUSED_WITHIN_MS = 3600
/** The maximum time for an answer, whatever has failed. */
const ANSWERED_WITHIN_MS = 8000
const CATCH_UP_MS = 20_000

/** A Redis that loses nothing it has acknowledged. */
export function aDurableRedis(): Promise<Redis> {
  return aRedis('--appendonly', 'yes', '--appendfsync', 'always')
}

export function startNode(url: string): Promise<BuiltServer> {
  // Logging of an unreachable store is tested elsewhere.
  return startBuilt({ env: { STORE_URL: url, LOG_LEVEL: 'fatal', HEARTBEAT_SECONDS: '1' } })
}

/** Members of each chat, who read at all nodes and post at random nodes of `postingAt`. */
export async function gatherAt(
  nodes: Nodes,
  { postingAt = nodes, mayJump = false, chats = 1 }: { postingAt?: Nodes; mayJump?: boolean; chats?: number } = {}
) {
  const random = aRandom()
  const urlsOf = ([first, ...others]: Nodes) => [first.url, ...others.map(({ url }) => url)] as const
  const crowd = await Crowd.gather({
    chats,
    random,
    patience: { attempts: 1, givesUp: 0 },
    place: () => random.pick(...urlsOf(postingAt)),
    mayJump,
    cast: talkers(urlsOf(nodes))
  })
  onTestFinished(() => crowd.end())
  return {
    crowd,
    /** Checks that nothing acknowledged is lost, duplicated or reordered, at any node and for any reader. */
    finish: async () => {
      expect(await crowd.finish(urlsOf(nodes), CATCH_UP_MS)).toEqual([])
      expect(crowd.stats.slowestMs).toBeLessThan(ANSWERED_WITHIN_MS)
      return crowd.stats
    }
  }
}

/** Expects a node that cannot reach the store to refuse posts at once, and to stay alive. */
export async function expectUnreachable(crowd: Crowd, { url }: BuiltServer): Promise<void> {
  const began = performance.now()
  expect(await crowd.isRefusedAt(url)).toBe(true)
  expect(performance.now() - began).toBeLessThan(REFUSED_WITHIN_MS)
  expect((await call(`${url}/health`)).status).toBe(200)
  expect(await refusal(await call(`${url}/ready`))).toEqual([503, 'store-unreachable'])
}

export async function untilReady({ url }: { url: string }, status = 200): Promise<void> {
  const isReached = async () => (await call(`${url}/ready`)).status === status
  await eventually(isReached, `/ready answers ${status}`, { withinMs: 10_000 })
}
