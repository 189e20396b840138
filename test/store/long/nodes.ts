/** Built servers over one Redis that keeps what it acknowledges, and how they are while it is away. */
import { expect } from 'vitest'
import { call, refusal } from '../../support/api.ts'
import { type BuiltServer, startBuilt } from '../../support/built-server.ts'
import { aRedis } from '../../support/redis.ts'
import type { Redis } from '../../support/redis-server.ts'
import type { Crowd } from './crowd.ts'

/** A command is given up after three seconds. */
export const REFUSED_WITHIN_MS = 3600

/** With what it takes to lose nothing that was acknowledged. */
export function aDurableRedis(): Promise<Redis> {
  return aRedis('--appendonly', 'yes', '--appendfsync', 'always')
}

export function startNode(url: string): Promise<BuiltServer> {
  // What is logged of a store that is away is looked at elsewhere.
  return startBuilt({ env: { STORE_URL: url, LOG_LEVEL: 'fatal', HEARTBEAT_SECONDS: '1' } })
}

/** While the store is away from it: says so at once, and lives on. */
export async function expectUnreachable(crowd: Crowd, node: BuiltServer): Promise<void> {
  const began = performance.now()
  expect(await crowd.isRefusedAt(node)).toBe(true)
  expect(performance.now() - began).toBeLessThan(REFUSED_WITHIN_MS)
  expect((await call(`${node.url}/health`)).status).toBe(200)
  expect(await refusal(await call(`${node.url}/ready`))).toEqual([503, 'store-unreachable'])
}

export async function untilReached(node: BuiltServer): Promise<void> {
  await expect.poll(async () => (await call(`${node.url}/ready`)).status, { timeout: 10_000 }).toBe(200)
}
