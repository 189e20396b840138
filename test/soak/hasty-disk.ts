/** A disk with an injected fault: it acknowledges before it has written. This is visible only if the process is killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Change, Disk, Entry } from '../../dist/store/file/disk.js'

const LATE_MS = 100

export function hastyDisk(disk: Disk): Disk {
  /** Changes that are not written yet, by key. */
  const held = new Map<string, Change>()
  const nameOf = (key: Buffer) => key.toString('latin1')
  let writing = Promise.resolve()

  async function writeLate(changes: readonly Change[]): Promise<void> {
    await disk.write(changes)
    for (const change of changes) if (held.get(nameOf(change.key)) === change) held.delete(nameOf(change.key))
  }

  function range(start: Buffer, end: Buffer): Entry[] {
    const entries = new Map<string, Entry>()
    for (const entry of disk.range(start, end)) entries.set(nameOf(entry.key), entry)
    for (const [name, { key, value }] of held) {
      if (key.compare(start) < 0 || key.compare(end) >= 0) continue
      if (value === undefined) entries.delete(name)
      else entries.set(name, { key, value })
    }
    return [...entries.values()].sort((one, other) => one.key.compare(other.key))
  }

  return {
    get(key) {
      const change = held.get(nameOf(key))
      return change === undefined ? disk.get(key) : change.value
    },
    range: (start, end, limit) => range(start, end).slice(0, limit),
    keysForwards: (start, end, limit) =>
      range(start, end)
        .slice(0, limit)
        .map(({ key }) => key),
    keysBackwards: (start, end, limit) =>
      range(start, end)
        .reverse()
        .slice(0, limit)
        .map(({ key }) => key),
    async write(changes) {
      const all = [...changes]
      for (const change of all) held.set(nameOf(change.key), change)
      const before = writing
      writing = sleep(LATE_MS)
        .then(() => before)
        .then(() => writeLate(all))
    },
    async close() {
      await writing
      await disk.close()
    }
  }
}
