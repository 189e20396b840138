/** What is refused before a route has its say: too long a URL, an unknown path, a method it does not have. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../problems.ts'

export const MAX_URL_LENGTH = 8192

/** Call it before any route is registered: it gathers them. */
export function addRequestChecks(app: FastifyInstance): void {
  const paths = new Map<string, { pattern: RegExp; methods: Set<string> }>()

  app.addHook('onRoute', ({ url, method }) => {
    // @fastify/cors answers OPTIONS everywhere; that makes no path known.
    if (url === '*') return
    const known = paths.get(url) ?? { pattern: toPattern(url), methods: new Set() }
    paths.set(url, known)
    for (const name of [method].flat()) known.methods.add(name)
  })
  app.addHook('onRequest', (request, _reply, done) => {
    checkUrlLength(request)
    if (request.is404) throw noRoute(request)
    done()
  })

  function noRoute({ raw }: FastifyRequest): Problem {
    const path = (raw.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
    const allowed = [...paths.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap(({ methods }) => [...methods])
    if (allowed.length === 0) return new Problem('not-found')
    return new Problem('method-not-allowed', { headers: { allow: allowed.join(', ') } })
  }
}

/** @throws Problem `uri-too-long` */
export function checkUrlLength({ raw }: FastifyRequest): void {
  if ((raw.url?.length ?? 0) > MAX_URL_LENGTH) throw new Problem('uri-too-long')
}

function toPattern(url: string): RegExp {
  const source = url
    .replaceAll('.', '\\.')
    .replaceAll('*', '.*')
    .replaceAll(/:[a-z]+/g, '[^/]+')
  return new RegExp(`^${source.replace(/\/$/, '')}/?$`)
}
