/** New data is refused while little space is left; withdrawals are not. */
import { randomBytes, randomInt } from 'node:crypto'
import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { postKey, tagOf } from '../../../src/chat/ids.ts'
import { type CommitOptions, type Store, StoreUnavailable } from '../../../src/chat/store.ts'
import { type Change, type Disk, DiskFault } from '../../../src/store/file/disk.ts'
import { DiskReserve, pagesFor } from '../../../src/store/file/disk-reserve.ts'
import { fileStore } from '../../../src/store/file/file-store.ts'
import { usedPages } from '../../../src/store/file/folder.ts'
import { lmdbDisk, lmdbSnapshot } from '../../../src/store/file/lmdb-disk.ts'
import { heldDisk, memoryDisk, turns } from '../../support/disks.ts'
import { aDoor, aUser } from '../../support/doors.ts'
import { eventually } from '../../support/eventually.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { aChat, aKnock, append, commitKnock, loaded, message, NOON, texts } from '../contract/support.ts'

const MIB = 2 ** 20
const FULL = { reason: { why: 'full' } }

function storeOver(disk: Disk): Store {
  return fileStore(disk, {
    maxChatBytes: MIB,
    onFault: () => undefined,
    onBroken: (fault) => {
      throw fault
    }
  })
}

/** A commit that takes a right away. */
async function withdraw(store: Store, tag: ReturnType<typeof tagOf>) {
  const { door, version } = await loaded(store, tag)
  return await store.commit(tag, version, { ...door, rights: door.rights + 1 }, [], NOON, { isWithdrawal: true })
}

describe('a store whose disk is full', () => {
  /** A memory disk that is full when the test says so, and the options of each write. */
  function aDiskThatCanBeFull() {
    const disk = memoryDisk()
    const written: (CommitOptions | undefined)[] = []
    const state = { fullness: undefined as ReturnType<NonNullable<Disk['fullness']>> }
    const full: Disk = {
      ...disk,
      fullness: () => state.fullness,
      write: (changes, options) => {
        written.push(options)
        return disk.write(changes)
      }
    }
    return { disk, full, written, state }
  }

  it.each(['disk', 'limit'] as const)('refuses new data because of its %s, and nothing else', async (why) => {
    const { full, written, state } = aDiskThatCanBeFull()
    const store = storeOver(full)
    const [tag, other] = [await aChat(store), await aChat(store)]
    const key = postKey(aUser(), 'once')
    await store.append(tag, 0, message('hello'), key)
    state.fullness = why
    const refused = [
      store.create(aDoor().door),
      store.append(tag, 0, message('more')),
      commitKnock(store, tag),
      aKnock(store, tag).then((one) =>
        store.commit(tag, one.version, one.door, one.events, NOON, { isWithdrawal: false })
      )
    ]
    for (const outcome of await Promise.allSettled(refused)) expect(outcome).toMatchObject(FULL)
    written.length = 0
    expect(await store.append(tag, 0, message('hello'), key)).toMatchObject({ id: 1 })
    expect(await withdraw(store, tag)).toEqual([])
    expect(await store.remove(other)).toBe(true)
    await turns(20)
    expect(written.length).toBeGreaterThan(2)
    for (const options of written) expect(options).toEqual({ isWithdrawal: true })
    expect(await texts(store, tag)).toEqual(['hello'])
    state.fullness = undefined
    await commitKnock(store, tag)
    expect(written.at(-1)).toEqual({ isWithdrawal: false })
  })

  it('is not ready, but is ready at its own limit', async () => {
    const { full, state } = aDiskThatCanBeFull()
    const store = storeOver(full)
    await store.ping()
    state.fullness = 'limit'
    await store.ping()
    state.fullness = 'disk'
    await expect(store.ping()).rejects.toMatchObject({ name: 'StoreUnavailable', why: 'full' })
  })

  it('decides again on withdrawals that were written together with new data, for which there was no room', async () => {
    const disk = heldDisk(memoryDisk())
    const store = storeOver(disk)
    const acknowledged = async <Result>(work: Promise<Result>): Promise<Result> => {
      for (await turns(); disk.pending !== undefined; await turns()) await disk.acknowledge()
      return await work
    }
    const [one, other, closed] = [aDoor().door, aDoor().door, aDoor().door]
    for (const door of [one, other, closed]) await acknowledged(store.create(door))
    const [tag, otherTag, closedTag] = [tagOf(one.chat), tagOf(other.chat), tagOf(closed.chat)]
    const post = Promise.allSettled([append(store, tag, 'hello')])
    const withdrawals = Promise.all([withdraw(store, tag), withdraw(store, otherTag), store.remove(closedTag)])
    await turns()
    expect(disk.pending?.length).toBeGreaterThan(4)
    disk.fail('full')
    expect(await post).toMatchObject([FULL])
    expect(await acknowledged(withdrawals)).toEqual([[], [], true])
    expect((await loaded(store, tag)).door.rights).toBe(1)
    expect(await texts(store, tag)).toEqual([])

    const alone = Promise.allSettled([withdraw(store, tag), withdraw(store, otherTag)])
    await turns()
    disk.fail('full')
    await turns()
    // Each alone needs less room.
    disk.fail('full')
    for (const outcome of await alone) expect(outcome).toMatchObject(FULL)
  })

  it('writes withdrawals one after the other if there is no room for all at once', async () => {
    const disk = heldDisk(memoryDisk())
    const store = storeOver(disk)
    const doors = Array.from({ length: 5 }, () => aDoor().door)
    const tags = doors.map(({ chat }) => tagOf(chat))
    const created = Promise.all(doors.map((door) => store.create(door)))
    await turns()
    await disk.acknowledge()
    await created
    const all = Promise.all(tags.map((tag) => withdraw(store, tag)))
    const sizes: number[] = []
    for (await turns(); disk.pending !== undefined; await turns()) {
      sizes.push(disk.pending.length)
      if (disk.pending.length > 2) disk.fail('full')
      else await disk.acknowledge()
    }
    expect(await all).toEqual(tags.map(() => []))
    expect(sizes).toEqual([5, 3, 2, 3, 2, 1])
    for (const tag of tags) expect((await loaded(store, tag)).door.rights).toBe(1)
  })

  it('deletes the records of removed chats in smaller writes if there is no room for all at once', async () => {
    const under = memoryDisk()
    const disk: Disk = {
      ...under,
      async write(changes) {
        const all = [...changes]
        if (all.length > 300 && all.every(({ value }) => value === undefined)) throw new DiskFault('full')
        await under.write(all)
      }
    }
    const store = storeOver(disk)
    const tag = await aChat(store)
    await Promise.all(Array.from({ length: 1000 }, (_, index) => append(store, tag, `${index}`)))
    await store.remove(tag)
    await turns(40)
    expect(under.keys()).toEqual([])
  })

  it('deletes the records of removed chats also if new data was written together with them in vain', async () => {
    const under = memoryDisk()
    const disk = heldDisk(under)
    const store = storeOver(disk)
    const [removed, other] = [aDoor().door, aDoor().door]
    const acknowledge = async () => {
      for (await turns(); disk.pending !== undefined; await turns()) await disk.acknowledge()
    }
    for (const work of [
      () => store.create(removed),
      () => store.create(other),
      () => append(store, tagOf(removed.chat), '1')
    ]) {
      const done = work()
      await acknowledge()
      await done
    }
    const removal = store.remove(tagOf(removed.chat))
    await turns()
    await disk.acknowledge()
    await removal
    const post = Promise.allSettled([append(store, tagOf(other.chat), 'hello')])
    await turns()
    disk.fail('full')
    expect(await post).toMatchObject([FULL])
    await acknowledge()
    expect(under.keys().filter((key) => key.includes(tagOf(removed.chat)))).toEqual([])
  })
})

describe('MAX_STORE_BYTES', () => {
  it('limits what a file store holds, and closed chats make room', async () => {
    const folder = aFolder()
    const store = await opened(folder, { maxDiskBytes: 500_000 })
    const [tag, other] = [await aChat(store), await aChat(store)]
    let stored = 0
    const post = () => append(store, tag, '.'.repeat(4000))
    for (let isFull = false; !isFull; stored += 4000) {
      isFull = await post().then(
        () => false,
        (error: unknown) => error instanceof StoreUnavailable && error.why === 'full'
      )
    }
    expect(stored).toBeGreaterThan(200_000)
    expect(stored).toBeLessThan(520_000)
    await store.ping()
    await expect(store.create(aDoor().door)).rejects.toMatchObject({ why: 'full' })
    expect(await withdraw(store, other)).toEqual([])
    await store.close()

    const next = await opened(folder, { maxDiskBytes: 500_000 })
    await expect(append(next, other, 'hello')).rejects.toMatchObject({ why: 'full' })
    expect(await next.remove(tag)).toBe(true)
    await next.close()
    const last = await opened(folder, { maxDiskBytes: 500_000 })
    await last.idleChats(0, 0)
    const hasRoom = () => append(last, other, 'hello').then(() => true)
    await eventually(hasRoom, 'the records of the closed chat are deleted')
  })
})

describe('the reserve', () => {
  /** A folder with some data, and its file. */
  async function aUsedDisk() {
    const folder = aFolder()
    mkdirSync(folder)
    const disk = lmdbDisk(folder)
    onTestFinished(() => disk.close())
    const file = openSync(join(folder, 'data.mdb'), 'r')
    onTestFinished(() => closeSync(file))
    const key = (index: number) => Buffer.from(`k${`${index}`.padStart(8, '0')}`)
    await disk.write(Array.from({ length: 3000 }, (_, index) => ({ key: key(index), value: randomBytes(300) })))
    return { folder, disk, file, key }
  }

  it('is inside the data file before anything is written that could need it', async () => {
    const { folder, file } = await aUsedDisk()
    const { pages, pageSize } = usedPages(file)
    const size = statSync(join(folder, 'data.mdb')).size
    expect(size - pages * pageSize).toBeGreaterThan(MIB)
    expect(size).toBeLessThan(12 * MIB)
  })

  it.each([
    ['few small values', 5, 100],
    ['many small values', 1500, 300],
    ['many values that fill a page', 200, 1500],
    ['large values', 50, 24_000],
    ['removals', 1000, -1]
  ])('never needs more pages than are reserved for %s, even if no page is free', async (_, changes, length) => {
    const { folder, disk, file, key } = await aUsedDisk()
    for (let round = 0; round < 4; round++) {
      // Whoever reads an old state keeps its pages from being used again.
      const reader = lmdbSnapshot(folder)
      const random = (): Change => ({
        key: key(randomInt(6000)),
        value: length < 0 ? undefined : randomBytes(randomInt(length + 1))
      })
      const unique = new Map(Array.from({ length: changes }, random).map((change) => [change.key.toString(), change]))
      const all = [...unique.values()]
      const before = usedPages(file)
      await disk.write(all)
      expect(usedPages(file).pages - before.pages).toBeLessThanOrEqual(pagesFor(all, before))
      await reader.close()
    }
  })

  it('is written in slices, so that the event loop is never blocked for long', async () => {
    const { folder } = await aUsedDisk()
    const reserve = new DiskReserve(folder)
    const values = Array.from({ length: 2000 }, (_, index) => ({
      key: Buffer.from(`${index}`),
      value: Buffer.alloc(64_000)
    }))
    let turnsTaken = 0
    const count = setInterval(() => turnsTaken++, 1)
    await reserve.ensure(values, { isWithdrawal: false })
    clearInterval(count)
    reserve.close()
    expect(statSync(join(folder, 'data.mdb')).size).toBeGreaterThan(128 * MIB)
    expect(turnsTaken).toBeGreaterThan(10)
  })
})

describe('a file store is not ready', () => {
  it.each<[string, (folder: string) => void]>([
    ['was removed', (folder) => rmSync(folder, { recursive: true })],
    ['was renamed', (folder) => renameSync(folder, `${folder}-old`)],
    ['has lost its data file', (folder) => rmSync(join(folder, 'data.mdb'))]
  ])('if its folder %s', async (_, change) => {
    const folder = aFolder()
    const store = await opened(folder)
    await store.ping()
    change(folder)
    await expect(store.ping()).rejects.toMatchObject({ why: 'unreachable' })
  })

  it('if another folder is where its own was', async () => {
    const folder = aFolder()
    const store = await opened(folder)
    renameSync(folder, `${folder}-old`)
    const other = await opened(folder)
    await other.ping()
    await expect(store.ping()).rejects.toMatchObject({ why: 'unreachable' })
  })
})
