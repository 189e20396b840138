/** Handovers in Redis: keys that expire, each under a hash tag of its own. */
import { describe, expect, it } from 'vitest'
import { newHandoverId } from '../../../src/chat/ids.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a handover in Redis', () => {
  it('expires by itself, and leaves nothing when it is taken', async () => {
    const { url, cli } = await aRedis()
    const store = await aNode(url)
    const id = newHandoverId()
    // The clock of the caller can be a day behind or ahead.
    await store.handovers.put(id, { sealed: 'sealed', createdAt: 1000, expiresAt: 601_000 })
    const key = `silly-chat:{handover:${id}}`
    expect((await cli('keys', 'silly-chat:{handover*')).split('\n')).toEqual([key])
    const left = Number(await cli('pttl', key))
    expect(left).toBeGreaterThan(590_000)
    expect(left).toBeLessThanOrEqual(600_000)
    expect(await store.handovers.take(id, 2000)).toBe('sealed')
    expect(await cli('exists', key)).toBe('0')
  })
})
