/** Headers that keep secrets out of caches and Referer lines, and what a browser shows from loading or being anything else. */
import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../cli/settings.ts'

type Headers = Readonly<Record<string, string>>

const ALWAYS: Headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // Which pages may read an answer is said by CORS; a page that is isolated may ask, too.
  'cross-origin-resource-policy': 'cross-origin'
}

/** What every answer says, also those that are given below Fastify. */
export function safeHeaders({ PUBLIC_URL = '' }: Settings): Headers {
  return PUBLIC_URL.startsWith('https:') ? { ...ALWAYS, 'strict-transport-security': 'max-age=31536000' } : ALWAYS
}

export function addSafeHeaders(app: FastifyInstance, headers: Headers): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
}

/** The sources of a Content-Security-Policy by directive. */
export type Policy = Readonly<Record<string, readonly string[]>>

/** For what a browser shows: it may do what its policy names and no more, and no other page gets hold of it. */
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
