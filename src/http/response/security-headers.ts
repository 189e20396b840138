/** Headers that keep secrets out of caches and Referer headers, and limit what a page can load and who can embed it. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Settings } from '../../cli/settings.ts'

type Headers = Readonly<Record<string, string>>

const ALWAYS: Headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // CORS says which pages can read an answer. Without this a cross-origin isolated page could not.
  'cross-origin-resource-policy': 'cross-origin'
}

/** The headers of every answer, including those to requests that node:http could not parse. */
export function securityHeadersFor({ PUBLIC_URL = '' }: Settings): Headers {
  return PUBLIC_URL.startsWith('https:') ? { ...ALWAYS, 'strict-transport-security': 'max-age=31536000' } : ALWAYS
}

export const securityHeaders = fp<{ readonly headers: Headers }>(
  (app, { headers }, done) => {
    app.addHook('onRequest', (_request, reply, next) => {
      reply.headers(headers)
      next()
    })
    done()
  },
  { name: 'security-headers' }
)

/** The sources of a Content-Security-Policy by directive. */
export type Policy = Readonly<Record<string, readonly string[]>>

/** For a page: it can load only what its policy names, and no other page can embed or open it. */
export function pageHeaders(policy: Policy): Headers {
  const directives = {
    'default-src': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
    ...policy
  }
  return {
    'content-security-policy': Object.entries(directives)
      .map(([name, sources]) => `${name} ${sources.join(' ')}`)
      .join(';'),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'origin-agent-cluster': '?1',
    'x-dns-prefetch-control': 'off',
    'x-frame-options': 'DENY',
    'x-robots-tag': 'noindex, nofollow'
  }
}

/** For all routes of this scope. */
export async function addPageHeaders(scope: FastifyInstance, policy: Policy): Promise<void> {
  const headers = pageHeaders(policy)
  scope.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
}
