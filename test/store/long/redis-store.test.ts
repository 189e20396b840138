/** The store of many processes on a real Redis: what every store promises, also where each call goes to another process. */
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
