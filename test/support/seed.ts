/** Random decisions of a test that can be repeated. */
import { onTestFailed } from 'vitest'
import { chooseSeed, type Random, randomFrom } from '../kit/random.ts'

/** From SEED of the environment, or from any seed; a test that fails prints which. */
export function aRandom(): Random {
  const seed = chooseSeed()
  onTestFailed(() => void process.stderr.write(`\nSEED=${seed} repeats the random decisions of this test\n`))
  return randomFrom(seed)
}
