/** The base of the URLs in one answer: `PUBLIC_URL`, or the scheme and host of the request itself. */
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../../wire/problems.ts'
import type { Base } from '../../wire/urls.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** For the answer to this request alone: it is never stored and never shown to another client. */
    base: Base
  }
}

/** Sets `request.base`, and refuses a bad Host whether or not its base is used. */
export const baseUrl = fp<{ readonly publicUrl: string | undefined }>(
  (app, { publicUrl }, done) => {
    app.decorateRequest('base', '')
    app.addHook('onRequest', (request, _reply, next) => {
      const own = readBase(request)
      request.base = publicUrl ?? own
      next()
    })
    done()
  },
  { name: 'base-url', dependencies: ['cors'] }
)

/** @throws Problem `bad-host` */
function readBase(request: FastifyRequest): Base {
  const authority = readAuthority(request)
  if (!hasOneHost(request) || !isAuthority(authority)) throw new Problem('bad-host')
  return `${request.protocol.toLowerCase() === 'https' ? 'https' : 'http'}://${authority}`
}

/**
 * RFC 9112, section 3.2: no Host, several, or an invalid one are refused, whatever the target says; node:http would take the
 * first. Only HTTP/1.0 can omit it, as some health checks do.
 */
function hasOneHost({ raw, host }: FastifyRequest): boolean {
  let count = 0
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const name = raw.rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count === 1 ? isAuthority(host) : count === 0 && raw.httpVersion === '1.0'
}

/** From a trusted proxy, or else from the target, or else from the Host header. */
function readAuthority({ raw, originalUrl, host, headers }: FastifyRequest): string {
  const isForwarded = host !== (headers.host ?? '')
  // RFC 9112, section 3.2.2: the target's own authority counts, if it has one.
  const ofTarget = /^https?:\/\/([^/?#]*)/i.exec(originalUrl)?.[1]
  if (ofTarget !== undefined && !isForwarded) return ofTarget
  if (host !== '' || raw.httpVersion !== '1.0') return host
  const { localAddress = '', localPort } = raw.socket
  return `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}

/**
 * `uri-host [":" port]` of RFC 9110, section 7.2, without the exotic characters that RFC 3986 allows in a reg-name,
 * and only what every client can parse again.
 */
function isAuthority(text: string): boolean {
  if (text === lastAuthority) return true
  if (!/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i.test(text) || !URL.canParse(`http://${text}/`)) return false
  lastAuthority = text
  return true
}

/** The last valid one: nearly all requests have the same. */
let lastAuthority = ''
