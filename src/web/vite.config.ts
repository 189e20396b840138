/** Builds the page: `src/web` to `dist/web`, in files whose names change with their content. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const ASSETS = new URL('../../dist/web/assets/', import.meta.url)

/** Compressed once, here: the server sends what lies beside a file. */
const compressed: Plugin = {
  name: 'compressed',
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
    rolldownOptions: { input: [path('index.html'), path('not-found.html')] },
    outDir: path('../../dist/web'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: true,
    license: { fileName: 'licenses.md' }
  }
})
