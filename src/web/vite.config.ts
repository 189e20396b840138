/** Builds the page from `src/web` into `dist/web`, with content hashes in the file names. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const ASSETS = new URL('../../dist/web/assets/', import.meta.url)

/** Compresses files at build time: the server sends the compressed file next to the original. */
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
 * Adds needs.js without compilation: the browsers that it must detect cannot run modules. Both scripts are deferred, so
 * it runs before the page.
 */
const needs: Plugin = {
  name: 'needs',
  transformIndexHtml: {
    order: 'post',
    handler(_html, { filename, bundle = {} }) {
      // not-found.html has no script.
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
  // A placeholder that the server replaces with the path of its public URL.
  base: '/__BASE__/',
  plugins: [needs, compressed],
  build: {
    rolldownOptions: { input: [path('index.html'), path('not-found.html')] },
    outDir: path('../../dist/web'),
    emptyOutDir: true,
    // The same versions as in needs.js and index.html. This covers syntax; test/web/long/old-browsers.test.ts covers APIs.
    target: ['chrome99', 'edge99', 'firefox98', 'safari15.4'],
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: true,
    license: { fileName: 'licenses.md' }
  }
})
