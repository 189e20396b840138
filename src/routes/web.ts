/** What people see who open an address in a browser: one page for every address, so that it tells nothing of any. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import type { SendPage } from '../plugins/browsers.ts'

/** Where `vite build` puts the page, seen from here and from `dist/routes`. */
const BUILT = new URL('../../dist/web/', import.meta.url)

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-robots-tag': 'noindex, nofollow'
}

/** @throws Error if the page was not built */
export function loadPage(publicUrl: string | undefined): SendPage {
  const base = publicUrl === undefined ? '/' : `${new URL(publicUrl).pathname.replace(/\/$/, '')}/`
  const page = readPage().replaceAll('/__BASE__/', base)
  return (reply) => reply.code(200).headers(HEADERS).type('text/html; charset=utf-8').send(page)
}

export async function addWeb(app: FastifyInstance, sendPage: SendPage): Promise<void> {
  app.get('/', { schema: { hide: true } }, async (_request, reply) => sendPage(reply))
  // Their names change with what is in them.
  await app.register(staticFiles, {
    root: fileURLToPath(new URL('assets/', BUILT)),
    prefix: '/assets/',
    schemaHide: true,
    decorateReply: false,
    index: false,
    immutable: true,
    preCompressed: true,
    maxAge: '365d'
  })
}

function readPage(): string {
  try {
    return readFileSync(new URL('index.html', BUILT), 'utf8')
  } catch (cause) {
    throw new Error('the page is not built: npm run build', { cause })
  }
}
