/** Headers that keep secrets out of caches and Referer lines, and what a browser shows from loading or being anything else. */
import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'
import type { Settings } from '../settings.ts'

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

/** Without helmet, whose hooks would cost a post a tenth of its CPU, even where they set nothing. */
export function addSafeHeaders(app: FastifyInstance, headers: Headers): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
}

/** The sources of a Content-Security-Policy by directive. */
export type Policy = Readonly<Record<string, readonly string[]>>

/** For all routes of this scope, which answer with what a browser shows: it may do what its policy names and no more. */
export async function addPageHeaders(scope: FastifyInstance, policy: Policy): Promise<void> {
  await scope.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'base-uri': ["'none'"],
        'form-action': ["'none'"],
        'frame-ancestors': ["'none'"],
        ...policy
      }
    },
    xFrameOptions: { action: 'deny' },
    // Every answer says these, or they are about browsers of the past.
    crossOriginResourcePolicy: false,
    referrerPolicy: false,
    strictTransportSecurity: false,
    xContentTypeOptions: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false
  })
  scope.addHook('onRequest', (_request, reply, done) => {
    reply.headers({ 'cross-origin-resource-policy': 'same-origin', 'x-robots-tag': 'noindex, nofollow' })
    done()
  })
}
