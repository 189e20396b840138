/** Handovers on the disk: taken once also if the process crashes, removed when they have expired, never in a copy. */
import { describe, expect, it } from 'vitest'
import { newHandoverId } from '../../../src/chat/ids.ts'
import type { CommitOptions, Store } from '../../../src/chat/store.ts'
import { runCheck } from '../../../src/cli/check.ts'
import type { Disk } from '../../../src/store/file/disk.ts'
import { fileStore } from '../../../src/store/file/file-store.ts'
import { copyStore } from '../../../src/store/file/open.ts'
import { heldDisk, memoryDisk, turns } from '../../support/disks.ts'
import { aDoor } from '../../support/doors.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { aChat, NOON } from '../contract/support.ts'

const handover = { sealed: 'sealed', createdAt: NOON, expiresAt: NOON + 10 }

function storeOver(disk: Disk): Store {
  return fileStore(disk, {
    maxChatBytes: 1_000_000,
    onFault: () => undefined,
    onBroken: (fault) => {
      throw fault
    }
  })
}

/** A store over a held disk, with a handover that is on it. */
async function aHeldStore() {
  const under = memoryDisk()
  const disk = heldDisk(under)
  const store = storeOver(disk)
  const id = newHandoverId()
  const put = store.handovers.put(id, handover)
  await turns()
  await disk.acknowledge()
  expect(await put).toBe('stored')
  return { under, disk, store, id }
}

describe('a handover on the disk', () => {
  it('is there after a restart until it is taken, and then never again', async () => {
    const folder = aFolder()
    const [taken, kept] = [newHandoverId(), newHandoverId()]
    const first = await opened(folder)
    for (const id of [taken, kept]) await first.handovers.put(id, handover)
    expect(await first.handovers.take(taken, NOON)).toBe('sealed')
    await first.close()
    const second = await opened(folder)
    expect(await second.handovers.take(taken, NOON)).toBeUndefined()
    expect(await second.handovers.take(kept, NOON)).toBe('sealed')
  })

  it('is given only after its removal is on the disk', async () => {
    const { disk, store, id } = await aHeldStore()
    let given: string | undefined
    const take = store.handovers.take(id, NOON).then((text) => (given = text))
    await turns()
    await disk.apply()
    await turns()
    expect([given, await store.handovers.take(id, NOON)]).toEqual([undefined, undefined])
    await disk.acknowledge()
    expect(await take).toBe('sealed')
  })

  it('is still there if its removal failed', async () => {
    const { disk, store, id } = await aHeldStore()
    const failed = Promise.allSettled([store.handovers.take(id, NOON)])
    await turns()
    disk.fail('failed')
    expect(await failed).toMatchObject([{ reason: { name: 'StoreUnavailable' } }])
    const again = store.handovers.take(id, NOON)
    await turns()
    await disk.acknowledge()
    expect(await again).toBe('sealed')
  })

  it('is taken although new data that was written together with its removal had no room', async () => {
    const { disk, store, id } = await aHeldStore()
    const created = Promise.allSettled([store.create(aDoor().door)])
    const take = store.handovers.take(id, NOON)
    await turns()
    disk.fail('full')
    expect(await created).toMatchObject([{ reason: { why: 'full' } }])
    await turns()
    await disk.acknowledge()
    expect(await take).toBe('sealed')
  })

  it('is refused while the disk is full, and can be taken all the same', async () => {
    const written: (CommitOptions | undefined)[] = []
    const under = memoryDisk()
    let fullness: ReturnType<NonNullable<Disk['fullness']>>
    const store = storeOver({
      ...under,
      fullness: () => fullness,
      write: (changes, options) => {
        written.push(options)
        return under.write(changes)
      }
    })
    const [id, expired] = [newHandoverId(), newHandoverId()]
    for (const one of [id, expired]) await store.handovers.put(one, handover)
    fullness = 'disk'
    await expect(store.handovers.put(newHandoverId(), handover)).rejects.toMatchObject({ why: 'full' })
    expect(await store.handovers.take(id, NOON)).toBe('sealed')
    await store.handovers.removeExpired(NOON + 10)
    expect(written.slice(-2)).toEqual([{ isWithdrawal: true }, { isWithdrawal: true }])
    expect(under.keys()).toEqual([])
  })

  it('leaves no record when it is taken or has expired, also after a restart and of any number', async () => {
    const disk = memoryDisk()
    const before = storeOver(disk)
    const put = (expiresAt: number) => before.handovers.put(newHandoverId(), { ...handover, expiresAt })
    await Promise.all(Array.from({ length: 1200 }, (_, index) => put(NOON + (index % 10) + 1)))
    const id = newHandoverId()
    await before.handovers.put(id, { ...handover, expiresAt: NOON + 11 })
    const after = storeOver(disk)
    await after.handovers.removeExpired(NOON)
    expect(disk.keys()).toHaveLength(2 * 1201)
    await after.handovers.removeExpired(NOON + 10)
    expect(disk.keys()).toHaveLength(2)
    await after.handovers.take(id, NOON)
    expect(disk.keys()).toEqual([])
  })

  it('is not in a copy of the store, and does not disturb its check', async () => {
    const [folder, copy] = [aFolder(), aFolder()]
    const store = await opened(folder)
    await aChat(store)
    const id = newHandoverId()
    await store.handovers.put(id, handover)
    expect(await runCheck(`file:${folder}`)).toMatchObject({
      text: expect.stringMatching(/^Checked 1 chat with/),
      isSound: true
    })
    await copyStore(folder, copy)
    expect(await (await opened(copy)).handovers.take(id, NOON)).toBeUndefined()
    expect(await store.handovers.take(id, NOON)).toBe('sealed')
  })
})
