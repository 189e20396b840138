/** The file store over disks with injected faults: failing writes, slow writes and remains of removed chats. */
import { mkdirSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Door } from '../../../src/chat/door.ts'
import { type ChatTag, postKey, tagOf } from '../../../src/chat/ids.ts'
import { type Store, StoreUnavailable } from '../../../src/chat/store.ts'
import type { Disk } from '../../../src/store/file/disk.ts'
import { fileStore } from '../../../src/store/file/file-store.ts'
import { GroupCommit } from '../../../src/store/file/group-commit.ts'
import { lmdbDisk } from '../../../src/store/file/lmdb-disk.ts'
import * as records from '../../../src/store/file/records.ts'
import { failingDisk, type HeldDisk, heldDisk, memoryDisk, putBallast, turns } from '../../support/disks.ts'
import { aDoor, aUser } from '../../support/doors.ts'
import { aFolder } from '../../support/file-store.ts'
import {
  ALL,
  aChat,
  aKnock,
  append,
  commitKnock,
  ids,
  loaded,
  message,
  NOON,
  texts,
  watched
} from '../contract/support.ts'
import { CONTRACT } from '../contract.ts'

function storeOver(
  disk: Disk,
  { maxChatBytes = 1_000_000, onFault = (_fault: unknown): void => undefined } = {}
): Store {
  return fileStore(disk, {
    maxChatBytes,
    onFault,
    onBroken: (fault) => {
      throw fault
    }
  })
}

/** Retries calls that fail because the disk failed. */
function retrying(store: Store): Store {
  async function retried<Result>(verb: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await verb()
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
      }
    }
  }
  return {
    ...store,
    create: (...call) => retried(() => store.create(...call)),
    commit: (...call) => retried(() => store.commit(...call)),
    append: (...call) => retried(() => store.append(...call)),
    remove: (...call) => retried(() => store.remove(...call)),
    handovers: {
      ...store.handovers,
      put: (...call) => retried(() => store.handovers.put(...call)),
      take: (...call) => retried(() => store.handovers.take(...call)),
      removeExpired: (...call) => retried(async () => await store.handovers.removeExpired(...call))
    }
  }
}

describe.each([2, 3])('over a disk on which one in %i writes fails, with retries', (every) => {
  for (const { promise, run } of CONTRACT) {
    it(promise, () =>
      run((limits) => {
        const folder = aFolder()
        mkdirSync(folder)
        const store = retrying(storeOver(failingDisk(lmdbDisk(folder), every), limits))
        onTestFinished(() => store.close())
        return store
      })
    )
  }
})

/** Acknowledges writes until none is pending. */
async function finishWrites(disk: HeldDisk): Promise<void> {
  for (await turns(); disk.pending !== undefined; await turns()) await disk.acknowledge()
}

async function finished<Result>(disk: HeldDisk, work: Promise<Result>): Promise<Result> {
  await finishWrites(disk)
  return await work
}

/** A store with a chat, whose writes are acknowledged by the test. */
async function aHeldStore(door: Door = aDoor().door) {
  const under = memoryDisk()
  const disk = heldDisk(under)
  const store = storeOver(disk)
  await finished(disk, store.create(door))
  return { under, disk, store, tag: tagOf(door.chat) }
}

const kindsIn = (disk: HeldDisk) => (disk.pending ?? []).map(({ key }) => String.fromCharCode(key[0] ?? 0)).sort()

describe('a write', () => {
  it('includes everything that arrived during the previous write', async () => {
    const { disk, store, tag } = await aHeldStore()
    const first = append(store, tag, 'first')
    await turns()
    expect(kindsIn(disk)).toEqual(['C', 'M', 'x', 'y'])
    const others = Array.from({ length: 50 }, (_, index) => append(store, tag, `${index}`))
    const knock = commitKnock(store, tag)
    const other = store.create(aDoor().door)
    await turns()
    expect(kindsIn(disk)).toEqual(['C', 'M', 'x', 'y'])
    const before = disk.writes
    await disk.acknowledge()
    await first
    await turns()
    expect(disk.writes).toBe(before + 1)
    expect(kindsIn(disk).join('')).toBe(`CCHHJ${'M'.repeat(50)}Qx`)
    await disk.acknowledge()
    await Promise.all([...others, knock, other])
    expect(await texts(store, tag)).toEqual(['first', ...others.map((_, index) => `${index}`)])
  })

  it('shows nothing before it is acknowledged, even if it is already on the disk', async () => {
    const { disk, store, tag } = await aHeldStore()
    const { notified } = await watched(store, tag)
    const key = postKey(aUser(), 'once')
    const posts = [store.append(tag, 0, message('hello'), key), store.append(tag, 0, message('hello'), key)]
    const knock = aKnock(store, tag).then((one) => store.commit(tag, one.version, one.door, one.events, NOON))
    const answered: unknown[] = []
    for (const call of [...posts, knock]) call.then((outcome) => answered.push(outcome))
    await turns()
    await disk.apply()
    await turns()
    posts.push(store.append(tag, 0, message('again'), key))
    const before = await loaded(store, tag)
    expect(before).toMatchObject({ lastEventId: 0, door: { links: [] } })
    expect(await ids(store, tag, 0)).toEqual([])
    expect(await texts(store, tag)).toEqual([])
    expect([answered, notified]).toEqual([[], []])
    await finishWrites(disk)
    expect(notified).toEqual([1, 2])
    for (const post of posts) expect(await post).toMatchObject({ id: 1 })
    expect(await ids(store, tag, 0)).toEqual([1, 2])
    expect(before.lastEventId).toBe(0)
  })

  it('that fails makes everything that waits for it fail, and leaves no trace', async () => {
    const { under, disk, store, tag } = await aHeldStore()
    const before = under.keys()
    const { notified } = await watched(store, tag)
    const key = postKey(aUser(), 'once')
    const first = store.append(tag, 0, message('first'), key)
    await turns()
    const added = aDoor().door
    const queued = [store.append(tag, 0, message('second'), key), store.append(tag, 0, message('third'))]
    const others = [store.create(added), commitKnock(store, tag)]
    const outcomes = Promise.allSettled([first, ...queued, ...others])
    await turns()
    disk.fail('full')
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { why: 'full' } })
    expect(under.keys()).toEqual(before)
    expect(await store.load(tagOf(added.chat))).toBeUndefined()
    expect(await finished(disk, store.append(tag, 0, message('fourth'), key))).toMatchObject({ id: 1 })
    expect(await finished(disk, store.create(added))).toBe('created')
    expect(await texts(store, tag)).toEqual(['fourth'])
    expect(notified).toEqual([1])
  })
})

describe('a refusal', () => {
  it('is answered even if others post to the chat all the time', async () => {
    const { disk, store, tag } = await aHeldStore()
    const stale = await aKnock(store, tag)
    await finished(disk, commitKnock(store, tag))
    let refused: unknown
    const refusals = Promise.all([
      store.append(tag, 7, message('without the right')),
      store.append(tag, 0, message('x'.repeat(1_000_000))),
      store.commit(tag, stale.version, stale.door, stale.events, NOON),
      store.remove(tag, 0)
    ])
    refusals.then((outcomes) => (refused = outcomes))
    const posts: Promise<void>[] = []
    for (let count = 0; count < 20; count++) {
      posts.push(append(store, tag, 'a'))
      await turns()
      posts.push(append(store, tag, 'b'))
      await disk.acknowledge()
    }
    expect(refused).toEqual(['conflict', 'chat-full', 'conflict', false])
    await finishWrites(disk)
    await Promise.all(posts)
  })

  it('is never based on a change that fails later', async () => {
    const { disk, store, tag } = await aHeldStore()
    const [one, other] = [await aKnock(store, tag), await aKnock(store, tag)]
    const lost = Promise.allSettled([
      store.commit(tag, one.version, { ...one.door, rights: 1 }, one.events, NOON),
      store.remove(tag)
    ])
    const added = aDoor().door
    const lostToo = Promise.allSettled([store.create(added)])
    const knock = store.commit(tag, other.version, other.door, other.events, NOON)
    const post = store.append(tag, 0, message('hello'))
    const created = store.create(added)
    await turns()
    disk.fail('failed')
    await Promise.all([lost, lostToo])
    expect(await finished(disk, Promise.all([knock, post, created]))).toMatchObject([[{ id: 1 }], { id: 2 }, 'created'])
  })

  it('of an old cursor is answered as soon as join events can have been deleted', async () => {
    const { disk, store, tag } = await aHeldStore()
    await finished(disk, commitKnock(store, tag, { count: 1000 }))
    expect(await ids(store, tag, 0)).toHaveLength(1000)
    const knock = commitKnock(store, tag, { count: 5 })
    await turns()
    await disk.apply()
    expect(await store.events(tag, 0, ALL)).toBe('cursor-unknown')
    expect(await ids(store, tag, 5)).toHaveLength(995)
    await finished(disk, knock)
    expect(await ids(store, tag, 5)).toHaveLength(1000)
  })
})

/** A disk that counts the reads of each chat. */
function countedReads(disk: Disk) {
  const reads = new Map<string, number>()
  return {
    reads: (tag: ChatTag) => reads.get(records.headKey(tag).toString('latin1')) ?? 0,
    disk: {
      ...disk,
      get(key: Buffer) {
        const name = key.toString('latin1')
        reads.set(name, (reads.get(name) ?? 0) + 1)
        return disk.get(key)
      }
    }
  }
}

describe('cached chats', () => {
  it('are evicted when the cache is full, and read again when they are used', async () => {
    const { disk, reads } = countedReads(memoryDisk())
    const ballast = await putBallast(disk)
    const store = storeOver(disk)
    const tag = await aChat(store)
    await append(store, tag, 'hello')
    await commitKnock(store, tag)
    const before = await loaded(store, tag)
    const { notified } = await watched(store, tag)
    const first = reads(tag)
    for (let count = 0; count < 5; count++) expect(await loaded(store, tag)).toEqual(before)
    expect(reads(tag)).toBe(first)
    await loaded(store, ballast)
    expect(await loaded(store, tag)).toEqual(before)
    expect(reads(tag)).toBe(first + 1)
    await loaded(store, ballast)
    await append(store, tag, 'again')
    expect(notified).toEqual([3])
    expect(await texts(store, tag)).toEqual(['hello', 'again'])
  })

  it('are not evicted during a write', async () => {
    const { disk: counted, reads } = countedReads(memoryDisk())
    const disk = heldDisk(counted)
    const ballast = await putBallast(counted)
    const store = storeOver(disk)
    const { door } = aDoor()
    const tag = tagOf(door.chat)
    await finished(disk, store.create(door))
    const first = reads(tag)
    const post = store.append(tag, 0, message('hello'))
    await turns()
    await disk.apply()
    await loaded(store, ballast)
    expect(await loaded(store, tag)).toMatchObject({ lastEventId: 0 })
    const next = store.append(tag, 0, message('again'))
    await finishWrites(disk)
    expect(await Promise.all([post, next])).toMatchObject([{ id: 1 }, { id: 2 }])
    expect(reads(tag)).toBe(first)
  })
})

/** The number of records of a chat, by kind: `{ m: 3, j: 1 }`. */
function recordsOf(keys: readonly string[], tag: ChatTag): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const key of keys.filter((name) => name.slice(1).includes(tag))) {
    const kind = key.charAt(0)
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

describe('the records of a removed chat', () => {
  /** A chat with more records than one write deletes, and a small one. */
  async function aLargeAndASmallChat() {
    const held = await aHeldStore()
    const { disk, store, tag } = held
    const posts = Array.from({ length: 2500 }, (_, index) =>
      store.append(tag, 0, message(`${index}`), index < 30 ? postKey(aUser(), 'a') : undefined)
    )
    await finished(disk, Promise.all([...posts, commitKnock(store, tag, { count: 20 })]))
    const { door } = aDoor()
    await finished(disk, store.create(door))
    await finished(disk, Promise.all([append(store, tagOf(door.chat), 'hello'), commitKnock(store, tagOf(door.chat))]))
    return { ...held, other: tagOf(door.chat) }
  }

  it('are deleted in several writes, and no others are', async () => {
    const { under, disk, store, tag, other } = await aLargeAndASmallChat()
    const before = recordsOf(under.keys(), other)
    const removed = store.remove(tag)
    await turns()
    await disk.acknowledge()
    expect(await removed).toBe(true)
    expect(recordsOf(under.keys(), tag)).toEqual({ M: 2500, J: 20, P: 30, Q: 1, r: 1 })
    const sizes: number[] = []
    for (await turns(); disk.pending !== undefined; await turns()) {
      sizes.push(disk.pending.length)
      await disk.acknowledge()
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000)
    expect(recordsOf(under.keys(), tag)).toEqual({})
    expect(recordsOf(under.keys(), other)).toEqual(before)
    expect(await texts(store, other)).toEqual(['hello'])
  })

  it('are deleted after the next start if the process ended before that', async () => {
    const { under, disk, store, tag, other } = await aLargeAndASmallChat()
    const removed = store.remove(tag)
    await turns()
    for (let count = 0; count < 2; count++) {
      await disk.acknowledge()
      await turns()
    }
    expect(await removed).toBe(true)
    expect(recordsOf(under.keys(), tag)).toMatchObject({ M: 1500, r: 1 })
    const next = storeOver(under)
    await next.close()
    expect(recordsOf(under.keys(), tag)).toMatchObject({ r: 1 })
    const last = storeOver(under)
    await turns(20)
    expect(recordsOf(under.keys(), tag)).toEqual({})
    expect(await texts(last, other)).toEqual(['hello'])
  })

  it('are deleted later if the disk failed', async () => {
    const { under, disk, store, tag } = await aLargeAndASmallChat()
    const removed = store.remove(tag)
    await turns()
    await disk.acknowledge()
    await removed
    await turns()
    disk.fail('full')
    await turns()
    expect(recordsOf(under.keys(), tag)).toMatchObject({ M: 2500, r: 1 })
    const idle = store.idleChats(0, 0)
    await finishWrites(disk)
    await idle
    expect(recordsOf(under.keys(), tag)).toEqual({})
  })

  it('do not appear in a new chat with the same tag, and its records are not deleted with them', async () => {
    const { door } = aDoor()
    const { under, disk, store, tag } = await aHeldStore(door)
    const keys = Array.from({ length: 3 }, (_, index) => postKey(aUser(), `${index}`))
    for (const key of keys) await finished(disk, store.append(tag, 0, message('old'), key))
    await finished(disk, commitKnock(store, tag))
    const removed = store.remove(tag)
    const created = store.create(door)
    await turns()
    await disk.acknowledge()
    expect(await removed).toBe(true)
    const posts = created.then(() => Promise.all(keys.map((key) => store.append(tag, 0, message('new'), key))))
    expect(await finished(disk, posts)).toMatchObject([{ id: 1 }, { id: 2 }, { id: 3 }])
    expect(await created).toBe('created')
    await finished(disk, commitKnock(store, tag))
    expect(await texts(store, tag)).toEqual(['new', 'new', 'new'])
    expect(recordsOf(under.keys(), tag)).toEqual({ C: 1, H: 1, M: 3, J: 1, P: 3, Q: 1, y: 1 })
  })

  it('delay a new chat with the same tag only while the disk is full', async () => {
    const { door } = aDoor()
    const { disk, store, tag } = await aHeldStore(door)
    await finished(disk, append(store, tag, 'old'))
    const removed = store.remove(tag)
    await turns()
    await disk.acknowledge()
    await removed
    const refused = Promise.allSettled([store.create(door)])
    await turns()
    disk.fail('full')
    expect(await refused).toMatchObject([{ reason: { why: 'full' } }])
    expect(await finished(disk, store.create(door))).toBe('created')
    expect(await texts(store, tag)).toEqual([])
  })
})

describe('background work', () => {
  it('is reported once if it fails: deleting the records of a removed chat', async () => {
    const disk = memoryDisk()
    const faults: unknown[] = []
    let keys = disk.keysForwards
    const store = storeOver(
      { ...disk, keysForwards: (...call) => keys(...call) },
      { onFault: (fault) => faults.push(fault) }
    )
    await turns()
    const fault = new TypeError('no keys')
    keys = () => {
      throw fault
    }
    for (let index = 0; index < 3; index++) {
      await store.idleChats(0, 0).catch(() => undefined)
      await turns()
    }
    expect(faults).toEqual([fault])
    keys = disk.keysForwards
    await store.idleChats(0, 0)
    await turns()
    expect(faults).toEqual([fault])
  })

  it('does not affect the acknowledgement: an error in notifying watchers is not an error of the disk', async () => {
    const reported: unknown[] = []
    const commits = new GroupCommit(memoryDisk(), (fault) => reported.push(fault))
    const fault = new TypeError('in a listener')
    commits.add(
      [],
      { isWithdrawal: false },
      () => {
        throw fault
      },
      (error) => reported.push(error)
    )
    await expect(commits.idle()).rejects.toBe(fault)
    expect(reported).toEqual([])
  })
})
