/** One URL for people and programs: who gets the page, and who is only looking ahead. */
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { isLinkPreview } from './link-previews.ts'

/** What answers with the page. */
export type SendPage = (reply: FastifyReply) => FastifyReply

/** An onRequest hook: says that the answer depends on `Accept`, whichever it is. */
export const varyByAccept: onRequestHookHandler = (_request, reply, done) => {
  const present = reply.getHeader('vary')
  reply.header('vary', present === undefined ? 'Accept' : `${[present].flat().join(', ')}, Accept`)
  done()
}

/** An onRequest hook: browsers and link previews get the page, whatever the id, and nothing else happens. */
export function pageForBrowsers(sendPage: SendPage): onRequestHookHandler {
  return ({ headers }, reply, done) => {
    if (prefersPage(headers.accept) || isLinkPreview(headers['user-agent'])) sendPage(reply)
    else done()
  }
}

/** An onRequest hook: a speculative load must have no effect, so it gets nothing. */
export async function nothingForPrefetch(
  request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply | undefined> {
  // https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header, and its older name.
  const purposes = [request.headers['sec-purpose'], request.headers['purpose']].flat()
  const isPrefetch = purposes.some((purpose) => /^\s*prefetch\s*(;|,|$)/i.test(purpose ?? ''))
  return isPrefetch ? reply.code(204).send() : undefined
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
