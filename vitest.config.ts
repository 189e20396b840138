import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

/** The folder in which .ci/run wants the results of every run, to count them. */
const results = process.env['RESULTS']

const SRC = fileURLToPath(new URL('src/', import.meta.url))
const DIST = fileURLToPath(new URL('dist/', import.meta.url))

/** With TARGET=dist the tests get what was built, loaded by Node itself, wherever they import a module of the server. */
const asBuilt: Plugin = {
  name: 'as-built',
  enforce: 'pre',
  async resolveId(source, importer) {
    if (!source.startsWith('.')) return
    const resolved = await this.resolve(source, importer, { skipSelf: true })
    if (!resolved?.id.startsWith(SRC) || resolved.id.startsWith(`${SRC}web/`)) return
    return { id: resolved.id.replace(SRC, DIST).replace(/\.ts$/, '.js'), external: true }
  }
}

export default defineConfig({
  plugins: process.env['TARGET'] === 'dist' ? [asBuilt] : [],
  test: {
    include: ['test/**/*.test.ts'],
    // More than the machine has cores: many tests wait for a client to come back.
    maxWorkers: 3,
    // Files of a worker share what they import: it is a third of the time otherwise.
    isolate: false,
    testTimeout: 20_000,
    setupFiles: ['test/support/fast-check-seed.ts'],
    reporters:
      results === undefined ? ['default'] : ['default', ['json', { outputFile: `${results}/${process.pid}.json` }]]
  }
})
