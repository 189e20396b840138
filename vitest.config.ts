import { defineConfig } from 'vitest/config'

/** The folder in which .ci/run wants the results of every run, to count them. */
const results = process.env['RESULTS']

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // More than the machine has cores: many tests wait for a client to come back.
    maxWorkers: 3,
    // Files of a worker share what they import: it is a third of the time otherwise.
    isolate: false,
    testTimeout: 20_000,
    reporters:
      results === undefined ? ['default'] : ['default', ['json', { outputFile: `${results}/${process.pid}.json` }]]
  }
})
