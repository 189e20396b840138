/** With SEED, model tests repeat the run with that seed. They print it when they fail. */
import { chooseSeed } from '../kit/random.ts'

if (process.env['SEED']) {
  const { default: fc } = await import('fast-check')
  fc.configureGlobal({ seed: chooseSeed() })
}
