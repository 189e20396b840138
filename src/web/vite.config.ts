/**
 * How everything is built that runs. The page: `src/web` to `dist/web`, with names that change with their content. The server:
 * `src/main.ts` and all that every start loads to `dist/main.js`, since finding and reading 400 files of packages
 * one by one took half the time from the start to the first answer.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const ASSETS = new URL('../../dist/web/assets/', import.meta.url)

/** Compressed once, here: the server sends what lies beside a file. */
const compressed: Plugin = {
  name: 'compressed',
  applyToEnvironment: ({ name }) => name === 'client',
  closeBundle() {
    for (const name of readdirSync(ASSETS).filter((one) => /\.(css|js|svg)$/.test(one))) {
      const content = readFileSync(new URL(name, ASSETS))
      writeFileSync(new URL(`${name}.br`, ASSETS), brotliCompressSync(content))
      writeFileSync(new URL(`${name}.gz`, ASSETS), gzipSync(content, { level: 9 }))
    }
  }
}

export default defineConfig({
  root: path('.'),
  // The server replaces it, since only it knows under which path it is reached.
  base: '/__BASE__/',
  plugins: [compressed],
  build: {
    outDir: path('../../dist/web'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: true,
    license: { fileName: 'licenses.md' }
  },
  builder: {},
  environments: {
    ssr: {
      // Loaded from `node_modules` by who needs them, as are those that `plugins/on-demand.ts` loads.
      resolve: { noExternal: true, external: ['commander', 'lmdb', 'prom-client', 'redis'] },
      build: {
        outDir: path('../../dist'),
        emptyOutDir: false,
        rolldownOptions: {
          input: path('../main.ts'),
          // Side by side, so that `here.ts` finds what it looks for from whatever chunk it is in.
          output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' }
        },
        license: { fileName: 'licenses.md' }
      }
    }
  }
})
