/** Built servers over one Redis that keeps what it acknowledges, people who use them, and how servers are without it. */
import { expect, onTestFinished } from 'vitest'
import { Crowd, talkers } from '../../kit/crowd.ts'
import { call, refusal } from '../../support/api.ts'
import { type BuiltServer, startBuilt } from '../../support/built-server.ts'
import { eventually } from '../../support/eventually.ts'
import { aRedis } from '../../support/redis.ts'
import type { Redis } from '../../support/redis-server.ts'
import { aRandom } from '../../support/seed.ts'

type Nodes = readonly [BuiltServer, ...BuiltServer[]]

/** A command is given up after three seconds. */
export const REFUSED_WITHIN_MS = 3600
/** Nobody should have to wait longer for an answer, whatever has failed. */
const ANSWERED_WITHIN_MS = 8000
const CATCH_UP_MS = 20_000

/** With what it takes to lose nothing that was acknowledged. */
export function aDurableRedis(): Promise<Redis> {
  return aRedis('--appendonly', 'yes', '--appendfsync', 'always')
}

export function startNode(url: string): Promise<BuiltServer> {
  // Other tests look at what is logged while a store cannot be reached.
  return startBuilt({ env: { STORE_URL: url, LOG_LEVEL: 'fatal', HEARTBEAT_SECONDS: '1' } })
}

/** People in one chat who read at all of these nodes, and post at any of them unless some are named for that. */
export async function gatherAt(
  nodes: Nodes,
  { postingAt = nodes, mayJump = false }: { postingAt?: Nodes; mayJump?: boolean } = {}
) {
  const random = aRandom()
  const urlsOf = ([first, ...others]: Nodes) => [first.url, ...others.map(({ url }) => url)] as const
  const crowd = await Crowd.gather({
    random,
    patience: { attempts: 1, givesUp: 0 },
    place: () => random.pick(...urlsOf(postingAt)),
    mayJump,
    cast: talkers(urlsOf(nodes))
  })
  onTestFinished(() => crowd.end())
  return {
    crowd,
    /** Nothing acknowledged may be lost, doubled or out of order, at any node and for any reader. */
    finish: async () => {
      expect(await crowd.finish(urlsOf(nodes), CATCH_UP_MS)).toEqual([])
      expect(crowd.stats.slowestMs).toBeLessThan(ANSWERED_WITHIN_MS)
      return crowd.stats
    }
  }
}

/** While it cannot reach the store: the node says so at once, and lives on. */
export async function expectUnreachable(crowd: Crowd, { url }: BuiltServer): Promise<void> {
  const began = performance.now()
  expect(await crowd.isRefusedAt(url)).toBe(true)
  expect(performance.now() - began).toBeLessThan(REFUSED_WITHIN_MS)
  expect((await call(`${url}/health`)).status).toBe(200)
  expect(await refusal(await call(`${url}/ready`))).toEqual([503, 'store-unreachable'])
}

export async function untilReady({ url }: { url: string }, status = 200): Promise<void> {
  const isSo = async () => (await call(`${url}/ready`)).status === status
  await eventually(isSo, `/ready answers ${status}`, { withinMs: 10_000 })
}
