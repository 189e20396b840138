/** What people see who open an address in a browser: one page for every address, so that it tells nothing of any. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { PAGE_PATH, varyByAccept } from '../plugins/browsers.ts'
import { addOnDemand, load } from '../plugins/on-demand.ts'
import { addPageHeaders } from '../plugins/safe-headers.ts'

/** Where `vite build` puts the page, seen from `src` and from `dist`. */
const BUILT = new URL('../../dist/web/', import.meta.url)

/** What the page does, and no more: its own files, its own server. */
const POLICY = {
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'"],
  'connect-src': ["'self'"],
  'require-trusted-types-for': ["'script'"],
  'trusted-types': ["'none'"]
}

/** @throws Error if the page was not built */
export async function addWeb(app: FastifyInstance, publicUrl: string | undefined): Promise<void> {
  const base = publicUrl === undefined ? '/' : `${new URL(publicUrl).pathname.replace(/\/$/, '')}/`
  const page = readPage().replaceAll('/__BASE__/', base)
  await app.register(async (web) => {
    await addPageHeaders(web, POLICY)
    web.get(PAGE_PATH, { onRequest: varyByAccept }, async (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(page)
    )
  })
  addOnDemand(app, ['/assets/*'], async (inner) => {
    await addPageHeaders(inner, POLICY)
    const staticFiles: typeof import('@fastify/static').default = load('@fastify/static')
    // Their names change with what is in them.
    await inner.register(staticFiles, {
      root: fileURLToPath(new URL('assets/', BUILT)),
      prefix: '/assets/',
      decorateReply: false,
      index: false,
      immutable: true,
      preCompressed: true,
      maxAge: '365d'
    })
  })
}

function readPage(): string {
  try {
    return readFileSync(new URL('index.html', BUILT), 'utf8')
  } catch (cause) {
    throw new Error('the page is not built: npm run build', { cause })
  }
}
