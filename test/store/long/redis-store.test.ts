/** The contract of stores on a real Redis, with calls that alternate between two processes. */
import { describe, it } from 'vitest'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, inTurn, sharedRedis } from '../../support/redis.ts'
import { CONTRACT } from '../contract.ts'

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('the Redis store of two processes', () => {
  for (const { promise, run } of CONTRACT) {
    it(promise, () =>
      run(async (limits) => {
        const { url } = await sharedRedis()
        return inTurn([await aNode(url, limits), await aNode(url, limits)])
      })
    )
  }
})
