/** Faults in watching chats in Redis are reported once, and watching continues when they are repaired. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { tagOf } from '../../../src/chat/ids.ts'
import type { Listener } from '../../../src/chat/store.ts'
import { openRedisStore } from '../../../src/store/redis/open.ts'
import { aDoor } from '../../support/doors.ts'
import { eventually } from '../../support/eventually.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRedis } from '../../support/redis.ts'
import type { Redis } from '../../support/redis-server.ts'
import { watched } from '../contract/support.ts'

const OPTIONS = { maxChatBytes: 1e6, chatTtlMs: 0, emptyChatTtlMs: 0, onLost: () => undefined, onBack: () => undefined }

/** Waits until Redis has refused `count` commands with this error code. */
async function refusals(redis: Redis, code: string, count: number): Promise<void> {
  const isRefused = async () => {
    const stats = await redis.cli('info', 'errorstats')
    return Number(new RegExp(`errorstat_${code}:count=(\\d+)`).exec(stats)?.[1]) >= count
  }
  await eventually(isRefused, `Redis has refused ${count} commands with ${code}`, { withinMs: 15_000 })
}

/** A store that watches a chat: first with `listener`, then with a watcher that records its notifications. */
async function aWatchedChat(redis: Redis, listener?: Listener) {
  const faults: unknown[] = []
  const store = await openRedisStore(redis.url, { ...OPTIONS, onFault: (fault) => faults.push(fault) })
  onTestFinished(() => store.close())
  const { door } = aDoor()
  const tag = tagOf(door.chat)
  await store.create(door)
  if (listener !== undefined) await store.watch(tag, listener)
  const { notified } = await watched(store, tag)
  const publish = (text: string) => redis.cli('spublish', `silly-chat:{${tag}}`, text)
  return { store, door, tag, faults, notified, publish, key: (part: string) => `silly-chat:{${tag}}:${part}` }
}

const isNotified = (notified: readonly unknown[]) => eventually(() => notified.includes(1), 'the watcher is notified')

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a watched chat', () => {
  it('that cannot be read is reported once with the cause, and notified again after the repair', async () => {
    const redis = await aRedis()
    const { store, tag, door, faults, notified, key, publish } = await aWatchedChat(redis)
    await redis.cli('set', key('messages'), 'a string instead of a stream')
    await publish('not a notification')
    await refusals(redis, 'WRONGTYPE', 4)
    expect(faults).toEqual([expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE /) })])
    await redis.cli('del', key('messages'))
    await store.append(tag, door.rights, { from: 'owner', text: 'x', createdAt: 1 })
    await isNotified(notified)
    expect(faults).toHaveLength(1)
  })

  it('ignores foreign messages on its channel', async () => {
    const redis = await aRedis()
    const { store, tag, door, faults, notified, publish } = await aWatchedChat(redis)
    for (const text of ['', 'x', 'j 0 1 1 {broken', 'j 0 1 1 {"not":"a list"}', 'm a b c {}']) await publish(text)
    await store.append(tag, door.rights, { from: 'owner', text: 'x', createdAt: 1 })
    await isNotified(notified)
    expect(notified).toEqual([1])
    expect(faults).toEqual([])
  })

  it('notifies the other watchers, and reports the fault, if a listener throws', async () => {
    const redis = await aRedis()
    const fault = new TypeError('a listener')
    const { store, tag, door, faults, notified } = await aWatchedChat(redis, () => {
      throw fault
    })
    await store.append(tag, door.rights, { from: 'owner', text: 'x', createdAt: 1 })
    await isNotified(notified)
    expect(faults).toEqual([fault])
  })

  it('whose subscription is no longer permitted is reported with the cause', async () => {
    const redis = await aRedis()
    const { faults } = await aWatchedChat(redis)
    await redis.cli('acl', 'setuser', 'default', 'resetchannels')
    await redis.cli('client', 'kill', 'type', 'pubsub')
    await refusals(redis, 'NOPERM', 3)
    expect(faults).toEqual([expect.objectContaining({ message: expect.stringMatching(/^NOPERM /) })])
  })

  it('whose first subscription fails rejects with the cause', async () => {
    const redis = await aRedis()
    const { store, tag } = await aWatchedChat(redis)
    await redis.cli('acl', 'setuser', 'default', 'resetchannels')
    const other = await openRedisStore(redis.url, { ...OPTIONS, onFault: () => undefined })
    onTestFinished(() => other.close())
    await expect(other.watch(tag, () => undefined)).rejects.toThrow(/^NOPERM /)
    expect(await store.load(tag)).toBeDefined()
  })
})
