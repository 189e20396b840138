/** The web page. It is the same at every address, so that it reveals nothing about any chat or link. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { PAGE_PATH, redirectToCleanAddress, varyByAccept } from '../request/page-requests.ts'
import type { NotFoundPage } from '../response/error-handler.ts'
import { addPageHeaders, pageHeaders } from '../response/security-headers.ts'

/** The output of `vite build`; the relative path is right from `src` and from `dist`. */
const BUILT = new URL('../../../dist/web/', import.meta.url)

/** The page loads its own files and calls its own server, and nothing else. */
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
  const page = readPage('index.html', publicUrl)
  await app.register(async (web) => {
    await addPageHeaders(web, POLICY)
    web.get(
      PAGE_PATH,
      { onRequest: [varyByAccept, redirectToCleanAddress(prefixOf(publicUrl))] },
      async (_request, reply) => reply.type('text/html; charset=utf-8').send(page)
    )
    // The file names contain a hash of the content.
    await web.register(staticFiles, {
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

/** @throws Error if the page was not built */
export function readNotFoundPage(publicUrl: string | undefined): NotFoundPage {
  const policy = { 'style-src': ["'self'"], 'img-src': ["'self'"] }
  return { html: readPage('not-found.html', publicUrl), headers: pageHeaders(policy) }
}

/** The path of `PUBLIC_URL`, without a slash at its end. */
function prefixOf(publicUrl: string | undefined): string {
  return publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/$/, '')
}

function readPage(file: string, publicUrl: string | undefined): string {
  try {
    return readFileSync(new URL(file, BUILT), 'utf8').replaceAll('/__BASE__/', `${prefixOf(publicUrl)}/`)
  } catch (cause) {
    throw new Error('the page is not built: npm run build', { cause })
  }
}
