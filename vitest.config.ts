import { defineConfig } from 'vitest/config'

/** Where .ci/run wants the results, to count them. */
const outputFile = process.env['RESULTS']

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // More than the machine has cores: many tests wait for a client to come back.
    maxWorkers: 3,
    // Files of a worker share what they import: it is a third of the time otherwise.
    isolate: false,
    testTimeout: 20_000,
    reporters: outputFile === undefined ? ['default'] : ['default', ['json', { outputFile }]]
  }
})
