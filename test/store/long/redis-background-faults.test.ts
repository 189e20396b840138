/** What goes wrong in following chats in Redis is reported, once, and following goes on when it is mended. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LoggedEvent } from '../../../src/chat/events.ts'
import { tagOf } from '../../../src/chat/ids.ts'
import type { Listener } from '../../../src/chat/store.ts'
import { openRedisStore } from '../../../src/store/redis/open.ts'
import { aDoor } from '../../support/doors.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRedis } from '../../support/redis.ts'
import type { Redis } from '../../support/redis-server.ts'

const OPTIONS = { maxChatBytes: 1e6, chatTtlMs: 0, emptyChatTtlMs: 0, onLost: () => undefined, onBack: () => undefined }

/** Until the server has refused so many commands with this word. */
async function refusals(redis: Redis, word: string, count: number): Promise<void> {
  for (let seen = 0; seen < count; ) {
    const stats = await redis.cli('info', 'errorstats')
    seen = Number(new RegExp(`errorstat_${word}:count=(\\d+)`).exec(stats)?.[1] ?? 0)
  }
}

async function aWatched(redis: Redis, listener: Listener) {
  const faults: unknown[] = []
  const store = await openRedisStore(redis.url, { ...OPTIONS, onFault: (fault) => faults.push(fault) })
  onTestFinished(() => store.close())
  const { door } = aDoor()
  const tag = tagOf(door.chat)
  await store.create(door)
  await store.watch(tag, listener)
  const publish = (text: string) => redis.cli('spublish', `silly-chat:{${tag}}`, text)
  return { store, door, tag, faults, publish, key: (part: string) => `silly-chat:{${tag}}:${part}` }
}

/** Listens, and says when so many events were told. */
function anEar() {
  const told: LoggedEvent[] = []
  let wake = (): void => undefined
  const listener: Listener = (news) => {
    if (typeof news !== 'string') told.push(...news)
    wake()
  }
  const heard = async (count: number): Promise<void> => {
    while (told.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { told, listener, heard }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a chat that is followed', () => {
  it('and cannot be read is reported once with the cause, and is followed on once it can be', async () => {
    const redis = await aRedis()
    const ear = anEar()
    const { store, tag, door, faults, key, publish } = await aWatched(redis, ear.listener)
    await redis.cli('set', key('messages'), 'of another kind')
    await publish('something is new')
    await refusals(redis, 'WRONGTYPE', 4)
    expect(faults).toEqual([expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE /) })])
    await redis.cli('del', key('messages'))
    await store.append(tag, door.rights, { text: 'x', createdAt: 1 })
    await ear.heard(1)
    expect(faults).toHaveLength(1)
  })

  it('hears nothing of what anybody else publishes there, which breaks nothing', async () => {
    const redis = await aRedis()
    const ear = anEar()
    const { store, tag, door, faults, publish } = await aWatched(redis, ear.listener)
    for (const text of ['', 'x', 'j 0 1 1 {broken', 'j 0 1 1 {"not":"a list"}', 'm a b c {}']) await publish(text)
    await store.append(tag, door.rights, { text: 'x', createdAt: 1 })
    await ear.heard(1)
    expect(ear.told.map(({ id }) => id)).toEqual([1])
    expect(faults).toEqual([])
  })

  it('tells the others, and reports it, where one who listens throws', async () => {
    const redis = await aRedis()
    const ear = anEar()
    const fault = new TypeError('a listener')
    const { store, tag, door, faults } = await aWatched(redis, () => {
      throw fault
    })
    await store.watch(tag, ear.listener)
    await store.append(tag, door.rights, { text: 'x', createdAt: 1 })
    await ear.heard(1)
    expect(faults).toEqual([fault])
  })

  it('and may not be subscribed to any more is reported with the cause', async () => {
    const redis = await aRedis()
    const ear = anEar()
    const { faults } = await aWatched(redis, ear.listener)
    await redis.cli('acl', 'setuser', 'default', 'resetchannels')
    await redis.cli('client', 'kill', 'type', 'pubsub')
    await refusals(redis, 'NOPERM', 3)
    expect(faults).toEqual([expect.objectContaining({ message: expect.stringMatching(/^NOPERM /) })])
  })

  it('and cannot even be begun to be followed rejects with the cause, which whoever asked for it reports', async () => {
    const redis = await aRedis()
    const { store, tag } = await aWatched(redis, anEar().listener)
    await redis.cli('acl', 'setuser', 'default', 'resetchannels')
    const other = await openRedisStore(redis.url, { ...OPTIONS, onFault: () => undefined })
    onTestFinished(() => other.close())
    await expect(other.watch(tag, () => undefined)).rejects.toThrow(/^NOPERM /)
    expect(await store.load(tag)).toBeDefined()
  })
})
