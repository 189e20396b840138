import { defineConfig } from 'vitest/config'

/** Where .ci/run wants the results, to count them. */
const outputFile = process.env['RESULTS']

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    maxWorkers: 2,
    reporters: outputFile === undefined ? ['default'] : ['default', ['json', { outputFile }]]
  }
})
