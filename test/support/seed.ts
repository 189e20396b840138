/** Repeatable random decisions of a test. */
import { onTestFailed } from 'vitest'
import { chooseSeed, type Random, randomFrom } from '../kit/random.ts'

/** From SEED, or from a random seed, which a failed test prints. */
export function aRandom(): Random {
  const seed = chooseSeed()
  onTestFailed(() => void process.stderr.write(`\nSEED=${seed} repeats the random decisions of this test\n`))
  return randomFrom(seed)
}
