/** One URL for people and programs: which requests get the page, and which are speculative. */
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { cleanAddress, sharedNoun } from './clean-address.ts'
import { isLinkPreview } from './link-previews.ts'
import { normalizeTarget, splitTarget } from './request-target.ts'

/** An onRequest hook: every answer says that it depends on `Accept`. */
export const varyByAccept: onRequestHookHandler = (_request, reply, done) => {
  addVary(reply)
  done()
}

export function addVary(reply: FastifyReply): void {
  const present = reply.getHeader('vary')
  reply.header('vary', present === undefined ? 'Accept' : `${[present].flat().join(', ')}, Accept`)
}

/** The path of the page. */
export const PAGE_PATH = '/'

/**
 * Whether the page answers instead of a route: to browsers and link previews, with any id, and without any other effect.
 * A speculative load of a link goes to its route, which answers 204. `target` is the target of the request as
 * `normalizeTarget` spells it.
 */
export function wantsWebPage(request: IncomingMessage, target: string): boolean {
  const { method, headers } = request
  if (method !== 'GET' && method !== 'HEAD') return false
  if (!prefersPage(headers.accept) && !isLinkPreview(headers['user-agent'])) return false
  const noun = sharedNoun(splitTarget(target).path)
  return noun !== undefined && (noun !== 'links' || !isPrefetch(request))
}

/** Whether a browser has opened an unknown address outside of the API, for which it gets a page. */
export function wantsNotFoundPage({ method, headers, originalUrl }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  return prefersPage(headers.accept) && !/^\/v1(?:\/|$)/.test(splitTarget(normalizeTarget(originalUrl)).path)
}

/** Whether an invitation is opened. */
export function isForInvitation({ originalUrl }: FastifyRequest): boolean {
  return sharedNoun(splitTarget(normalizeTarget(originalUrl)).path) === 'links'
}

/**
 * An onRequest hook of the page: redirects a browser to the clean address on the same server. `prefix` is the path of
 * `PUBLIC_URL`. The location has no scheme and host, because the server's own idea of them can differ from the browser's.
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

/** An onRequest hook: a speculative load gets 204, because it must have no effect. */
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
 * application/json. A wildcard does not count, because programs send it.
 */
function prefersPage(accept = ''): boolean {
  // Most requests come from programs that name no media type.
  if (accept === '' || accept === '*/*') return false
  const html = qualityOf('text/html', accept)
  return html > 0 && html > qualityOf('application/json', accept)
}

/** 0 for a media type that is not named or not acceptable. */
function qualityOf(mediaType: string, accept = ''): number {
  const qualities = accept.split(',').map((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    if (name !== mediaType) return 0
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '') ?? '1'
    return /^(0(\.\d*)?|1(\.0*)?)$/.test(weight) ? Number(weight) : 0
  })
  return Math.max(...qualities)
}
