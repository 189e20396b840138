/** The contract of stores on a real Redis Cluster. */
import { afterAll, describe, it } from 'vitest'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, inTurn } from '../../support/redis.ts'
import { type RedisCluster, startCluster } from '../../support/redis-cluster.ts'
import { CONTRACT } from '../contract.ts'

let shared: Promise<RedisCluster> | undefined
const sharedCluster = (): Promise<RedisCluster> => (shared ??= startCluster())
afterAll(async () => (await shared)?.end())

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('the Redis store of two processes on a cluster', () => {
  for (const { promise, run } of CONTRACT) {
    it(promise, () =>
      run(async (limits) => {
        const { url } = await sharedCluster()
        return inTurn([await aNode(url, limits), await aNode(url, limits)])
      })
    )
  }
})
