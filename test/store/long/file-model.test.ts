/** Runs the model of the file store, in memory and on a real disk. */
import { mkdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { lmdbDisk } from '../../../src/store/file/lmdb-disk.ts'
import { memoryDisk, putBallast } from '../../support/disks.ts'
import { aFolder } from '../../support/file-store.ts'
import { run, steps } from '../file/model.ts'

describe('a file store shows exactly what it has acknowledged, whatever the calls and the faults', () => {
  it('over a disk in memory', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(steps(150), async (all) => {
      const disk = memoryDisk()
      const ballast = await putBallast(disk)
      await run(all, () => disk, ballast)
    })
    await fc.assert(property, { numRuns: 150 })
  })

  it('over LMDB', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(steps(80), async (all) => {
      const folder = aFolder()
      mkdirSync(folder)
      const first = lmdbDisk(folder)
      const ballast = await putBallast(first)
      await first.close()
      await run(all, () => lmdbDisk(folder), ballast)
    })
    await fc.assert(property, { numRuns: 40 })
  })
})
