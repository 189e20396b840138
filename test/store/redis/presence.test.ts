/** Presence in Redis: one key for each chat whose owner is present. */
import { describe, expect, it } from 'vitest'
import { newChatId, tagOf } from '../../../src/chat/ids.ts'
import type { PresenceStore, Store } from '../../../src/chat/store.ts'
import { eventually } from '../../support/eventually.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'

function presenceOf({ presence }: Store): PresenceStore {
  if (presence === undefined) throw new Error('the store has no presence')
  return presence
}

async function twoNodes() {
  const { url, cli } = await aRedis()
  const stores = [await aNode(url), await aNode(url)] as const
  const tag = tagOf(newChatId())
  return {
    cli,
    stores,
    one: presenceOf(stores[0]),
    other: presenceOf(stores[1]),
    tag,
    key: `silly-chat:{owner:${tag}}`
  }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('the presence of an owner in Redis', () => {
  it('lasts until every node has retracted it, and then leaves nothing', async () => {
    const { cli, one, other, tag, key } = await twoNodes()
    await one.announce(tag, 60_000)
    await other.announce(tag, 60_000)
    expect((await cli('keys', 'silly-chat:{owner*')).split('\n')).toEqual([key])
    await one.retract(tag)
    await one.retract(tag)
    expect([await one.isAnnounced(tag), await other.isAnnounced(tag)]).toEqual([true, true])
    await other.retract(tag)
    expect([await one.isAnnounced(tag), await other.isAnnounced(tag)]).toEqual([false, false])
    expect(await cli('exists', key)).toBe('0')
  })

  it('expires by itself with the last announcement, also if a later one is shorter', async () => {
    const { cli, one, other, tag, key } = await twoNodes()
    await one.announce(tag, 60_000)
    await other.announce(tag, 50)
    const left = Number(await cli('pttl', key))
    expect(left).toBeGreaterThan(50_000)
    expect(left).toBeLessThanOrEqual(60_000)
    await one.retract(tag)
    const isForgotten = async () => !(await one.isAnnounced(tag))
    await eventually(isForgotten, 'the short announcement lapses, although the key is still there')
  })

  it('ends soon after its node has died, and nodes that have died do not pile up', async () => {
    const { cli, stores, one, other, tag, key } = await twoNodes()
    await one.announce(tag, 50)
    await stores[0].close()
    await eventually(async () => !(await other.isAnnounced(tag)), 'the dead node is forgotten')
    expect(await cli('exists', key)).toBe('0')
    await other.announce(tag, 60_000)
    await cli('zadd', key, '1000', 'dead')
    expect(await cli('zcard', key)).toBe('2')
    await other.announce(tag, 60_000)
    expect(await cli('zcard', key)).toBe('1')
  })

  it('is not announced in a full Redis, but retracted', async () => {
    const { cli, one, other, tag } = await twoNodes()
    await one.announce(tag, 60_000)
    await cli('config', 'set', 'maxmemory', '1mb')
    await expect(other.announce(tag, 60_000)).rejects.toMatchObject({ name: 'StoreUnavailable', why: 'full' })
    expect(await other.isAnnounced(tag)).toBe(true)
    await one.retract(tag)
    expect(await other.isAnnounced(tag)).toBe(false)
  })
})
