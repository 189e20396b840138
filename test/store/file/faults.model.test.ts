import fc from 'fast-check'
import { it } from 'vitest'
import { memoryDisk, putBallast } from '../../support/disks.ts'
import { play, steps } from './model.ts'

it('a file store shows what it has acknowledged and nothing else, whatever is asked and whatever the disk does', async () => {
  const property = fc.asyncProperty(steps(80), async (all) => {
    const disk = memoryDisk()
    const ballast = await putBallast(disk)
    await play(all, () => disk, ballast)
  })
  await fc.assert(property, { numRuns: 25 })
})
