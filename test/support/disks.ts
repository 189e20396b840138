/** Disks for tests: one in memory, one that fails now and again, one whose writes end when the test says so. */
import { type ChatTag, tagOf } from '../../src/chat/ids.ts'
import { type Change, type Disk, DiskFault, type Entry } from '../../src/store/file/disk.ts'
import * as records from '../../src/store/file/records.ts'
import { aDoor } from './doors.ts'

export interface MemoryDisk extends Disk {
  /** All keys, in order, as text. */
  keys(): string[]
}

export function memoryDisk(): MemoryDisk {
  const values = new Map<string, Buffer>()
  const sorted = () => [...values.keys()].sort()
  return {
    get: (key) => values.get(key.toString('latin1')),
    range: (start, end, limit) => {
      const [from, to] = [start.toString('latin1'), end.toString('latin1')]
      const found = sorted().filter((key) => key >= from && key < to)
      return found.slice(0, limit).map(
        (key): Entry => ({
          key: Buffer.from(key, 'latin1'),
          value: values.get(key) ?? Buffer.alloc(0)
        })
      )
    },
    keysForwards: (start, end, limit) => {
      const [from, to] = [start.toString('latin1'), end.toString('latin1')]
      const found = sorted().filter((key) => key >= from && key < to)
      return found.slice(0, limit).map((key) => Buffer.from(key, 'latin1'))
    },
    keysBackwards: (start, end, limit) => {
      const [from, to] = [start.toString('latin1'), end.toString('latin1')]
      const found = sorted().filter((key) => key >= from && key < to)
      return found
        .reverse()
        .slice(0, limit)
        .map((key) => Buffer.from(key, 'latin1'))
    },
    write: async (changes) => {
      for (const { key, value } of changes) {
        if (value === undefined) values.delete(key.toString('latin1'))
        else values.set(key.toString('latin1'), value)
      }
    },
    close: async () => {},
    keys: sorted
  }
}

/** Of every `every` writes the last one fails, before anything is written. */
export function failingDisk(disk: Disk, every: number): Disk {
  let writes = 0
  return {
    ...disk,
    async write(changes) {
      if (++writes % every === 0) throw new DiskFault(writes % 2 === 0 ? 'full' : 'failed')
      await disk.write(changes)
    }
  }
}

interface Pending {
  readonly changes: readonly Change[]
  readonly resolve: () => void
  readonly reject: (fault: DiskFault) => void
  isThere: boolean
}

/** A disk whose writes are there, and then acknowledged, when the test says so. */
export interface HeldDisk extends Disk {
  /** What it writes to. */
  readonly under: Disk
  /** What is being written. */
  readonly pending: readonly Change[] | undefined
  readonly writes: number
  /** Whether it can already be read. */
  readonly isThere: boolean
  /** What is being written can be read, but is not acknowledged. */
  apply(): Promise<void>
  acknowledge(): Promise<void>
  /** If nothing is there yet. */
  fail(is: DiskFault['is']): void
}

export function heldDisk(disk: Disk): HeldDisk {
  let pending: Pending | undefined
  let writes = 0
  async function apply(): Promise<void> {
    if (pending === undefined || pending.isThere) return
    pending.isThere = true
    await disk.write(pending.changes)
  }
  return {
    ...disk,
    under: disk,
    get pending() {
      return pending?.changes
    },
    get writes() {
      return writes
    },
    get isThere() {
      return pending?.isThere ?? false
    },
    write(changes) {
      if (pending !== undefined) throw new Error('two writes at a time')
      writes++
      return new Promise((resolve, reject) => {
        pending = { changes: [...changes], resolve, reject, isThere: false }
      })
    },
    apply,
    async acknowledge() {
      await apply()
      const done = pending
      pending = undefined
      done?.resolve()
    },
    fail(is) {
      if (pending === undefined || pending.isThere) return
      const failed = pending
      pending = undefined
      failed.reject(new DiskFault(is))
    }
  }
}

/** All that can happen without a disk has happened. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** So many links, that a chat with them takes all the memory of the cache. */
const MANY_LINKS = Array.from({ length: 140_000 }, () => ({}))

/** Puts a chat on a disk that is so large that no other has room in memory beside it. Version 1 of the format stored it. */
export async function putBallast(disk: Disk): Promise<ChatTag> {
  const { door } = aDoor()
  const tag = tagOf(door.chat)
  const record = Buffer.alloc(48)
  record.writeDoubleBE(1)
  await disk.write([
    { key: records.OLD.chatKey(tag), value: record },
    { key: records.OLD.doorKey(tag), value: Buffer.from(JSON.stringify({ ...door, links: MANY_LINKS, requests: [] })) }
  ])
  return tag
}
