/** One URL for people and programs: who gets the page, and who is only looking ahead. */
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, onRequestHookHandler } from 'fastify'
import { cleanAddress, sharedNoun } from './clean-address.ts'
import { isLinkPreview } from './link-previews.ts'
import { splitTarget } from './request-target.ts'

/** An onRequest hook: says that the answer depends on `Accept`, whichever it is. */
export const varyByAccept: onRequestHookHandler = (_request, reply, done) => {
  addVary(reply)
  done()
}

export function addVary(reply: FastifyReply): void {
  const present = reply.getHeader('vary')
  reply.header('vary', present === undefined ? 'Accept' : `${[present].flat().join(', ')}, Accept`)
}

/** Where the page is. */
export const PAGE_PATH = '/'

/**
 * Whether the page is to answer, before any route is looked for: to browsers and link previews, whatever the id, and
 * nothing else happens. Of a speculative load a link makes nothing. `target` is that of the request, as `normalizeTarget`
 * spells it.
 */
export function wantsWebPage(request: IncomingMessage, target: string): boolean {
  const { method, headers } = request
  if (method !== 'GET' && method !== 'HEAD') return false
  if (!prefersPage(headers.accept) && !isLinkPreview(headers['user-agent'])) return false
  const noun = sharedNoun(splitTarget(target).path)
  return noun === 'chats' || (noun === 'links' && !isPrefetch(request))
}

/** Whether a browser has opened an address at which there is nothing: outside of the API it gets a page that says so. */
export function wantsNotFoundPage({ method, headers, url = '/' }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  return prefersPage(headers.accept) && !/^\/v1(?:\/|$)/.test(splitTarget(url).path)
}

/**
 * An onRequest hook of the page: a browser that has opened an address with something in it that does not belong there is
 * sent to the right one, on the same server: `prefix` is the path of `PUBLIC_URL`. Without scheme and host, since the
 * server can take itself for another than the one the browser has found.
 */
export function redirectToCleanAddress(prefix: string): onRequestHookHandler {
  return ({ headers, originalUrl }, reply, done) => {
    const isBrowser = prefersPage(headers.accept) && !isLinkPreview(headers['user-agent'])
    const address = isBrowser ? cleanAddress(originalUrl) : undefined
    if (address === undefined) done()
    else
      reply
        .code(303)
        .header('location', prefix + address)
        .send()
  }
}

/** An onRequest hook: a speculative load must have no effect, so it gets nothing. */
export const nothingForPrefetch: onRequestHookHandler = ({ raw }, reply, done) => {
  if (isPrefetch(raw)) reply.code(204).send()
  else done()
}

/** https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header, and its older name. */
function isPrefetch({ headers }: IncomingMessage): boolean {
  const purposes = [headers['sec-purpose'], headers['purpose']].flat()
  return purposes.some((purpose) => /^\s*prefetch\s*(;|,|$)/i.test(purpose ?? ''))
}

/**
 * Whether `Accept` (RFC 9110, section 12.5.1) names text/html and prefers it to application/json, or does not name
 * application/json. A wildcard names nothing: that is how programs ask.
 */
function prefersPage(accept = ''): boolean {
  // Programs that name no media types are most of the requests.
  if (accept === '' || accept === '*/*') return false
  const html = qualityOf('text/html', accept)
  return html > 0 && html > qualityOf('application/json', accept)
}

/** 0 for a media type that is not named, or is named as not acceptable. */
function qualityOf(mediaType: string, accept = ''): number {
  const qualities = accept.split(',').map((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    if (name !== mediaType) return 0
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '') ?? '1'
    return /^(0(\.\d*)?|1(\.0*)?)$/.test(weight) ? Number(weight) : 0
  })
  return Math.max(...qualities)
}
