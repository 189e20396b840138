/** How the page is built: `src/web` to `dist/web`, with names that change with their content. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  root: path('.'),
  // The server replaces it, since only it knows under which path it is reached.
  base: '/__BASE__/',
  build: {
    outDir: path('../../dist/web'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: true
  }
})
