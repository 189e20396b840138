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

/**
 * Adds needs.js as it stands: what was compiled as a module would not run in the browsers that it is for. It runs before
 * the page, since both are deferred.
 */
const needs: Plugin = {
  name: 'needs',
  transformIndexHtml: {
    order: 'post',
    handler(_html, { filename, bundle = {} }) {
      // A page that is not found has no script.
      if (!filename.endsWith('/index.html')) return
      const file = Object.keys(bundle).find((name) => /needs-.*\.js$/.test(name))
      return [{ tag: 'script', attrs: { defer: true, src: `/__BASE__/${file}` }, injectTo: 'head-prepend' }]
    }
  },
  buildStart() {
    this.emitFile({
      type: 'asset',
      name: 'needs.js',
      source: readFileSync(new URL('./needs.js', import.meta.url), 'utf8')
    })
  }
}

export default defineConfig({
  root: path('.'),
  // The server replaces it, since only it knows under which path it is reached.
  base: '/__BASE__/',
  plugins: [needs, compressed],
  build: {
    rolldownOptions: { input: [path('index.html'), path('not-found.html')] },
    outDir: path('../../dist/web'),
    emptyOutDir: true,
    // As in needs.js and index.html; of interfaces the test in test/web keeps watch.
    target: ['chrome99', 'edge99', 'firefox98', 'safari15.4'],
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: true,
    license: { fileName: 'licenses.md' }
  }
})
