/**
 * The web page. It is the same everywhere, but for what link previews read at the address of an invitation. It needs no store: if
 * the title of a chat cannot be read soon, the invitation has none.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { readLinkId } from '../../chat/ids.ts'
import type { Service } from '../../chat/service.ts'
import { sharedId } from '../request/clean-address.ts'
import { isForInvitation, PAGE_PATH, redirectToCleanAddress, varyByAccept } from '../request/page-requests.ts'
import type { NotFoundPage } from '../response/error-handler.ts'
import { previewTags } from '../response/preview-tags.ts'
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

/** How long the page waits for a title. */
const TITLE_DEADLINE_MS = 500

export interface WebOptions {
  readonly service: Service
  readonly publicUrl: string | undefined
}

/** @throws Error if the page was not built */
export async function addWeb(app: FastifyInstance, { service, publicUrl }: WebOptions): Promise<void> {
  const { plain, invitation } = splitPreview(readPage('index.html', publicUrl))
  await app.register(async (web) => {
    await addPageHeaders(web, POLICY)
    web.get(
      PAGE_PATH,
      { onRequest: [varyByAccept, redirectToCleanAddress(prefixOf(publicUrl))] },
      async (request, reply) => {
        reply.type('text/html; charset=utf-8')
        if (!isForInvitation(request)) return reply.send(plain)
        const title = await titleFor(service, request.originalUrl)
        return reply.send(invitation(new URL(request.base).origin, title))
      }
    )
    // The file names contain a hash of the content.
    await web.register(staticFiles, {
      root: fileURLToPath(new URL('assets/', BUILT)),
      prefix: '/assets/',
      decorateReply: false,
      index: false,
      immutable: true,
      preCompressed: true,
      maxAge: '365d',
      // Some chat programs show the picture of a preview on pages of their own.
      setHeaders: (reply, path) => {
        if (path.endsWith('.png')) reply.header('cross-origin-resource-policy', 'cross-origin')
      }
    })
  })
}

/** The title of the chat behind an open link; null if there is none, or if it cannot be read soon. */
async function titleFor(service: Service, target: string): Promise<string | null> {
  const link = readLinkId(sharedId(target) ?? '')
  if (link === undefined) return null
  const late = sleep(TITLE_DEADLINE_MS, null, { ref: false })
  // Refused: there is no such link. StoreUnavailable: the page says so itself.
  return await Promise.race([service.titleBehind(link).catch(() => null), late])
}

/** In the page as it is built: its title, and the path of the picture for link previews. */
const PREVIEW = /<title>[^<]*<\/title>\s*<meta property="og:image" content="([^"]*)">/

/** The page as it is for invitations on a server with this origin, and as it is otherwise. */
function splitPreview(page: string) {
  const [before, path, after] = page.split(PREVIEW)
  if (after === undefined) throw new Error('index.html has no title with a picture after it')
  return {
    plain: `${before}<title>Silly Chat</title>${after}`,
    invitation: (origin: string, title: string | null) =>
      before + previewTags({ picture: origin + path, title }) + after
  }
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
