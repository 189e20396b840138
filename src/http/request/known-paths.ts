/** What is refused before a route has its say: too long a URL, an unknown path, a method it does not have. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../../wire/problems.ts'
import { allowMethods } from '../response/cors.ts'
import { splitTarget } from './request-target.ts'

export const MAX_URL_LENGTH = 8192

/** Call it after CORS and the safe headers, and before any route is registered, since it gathers them. */
export function addRequestChecks(app: FastifyInstance): void {
  const paths = new Map<string, { pattern: RegExp; methods: Set<string> }>()

  app.addHook('onRoute', ({ url, method }) => {
    if (url === CORS_WILDCARD_ROUTE) return
    const known = paths.get(url) ?? { pattern: toPattern(url), methods: new Set(['OPTIONS']) }
    paths.set(url, known)
    for (const name of [method].flat()) known.methods.add(name)
  })

  app.addHook('onRequest', (request, reply, done) => {
    if (request.originalUrl.length > MAX_URL_LENGTH) throw new Problem('uri-too-long')
    if (!request.is404 && request.method !== 'OPTIONS') {
      done()
      return
    }
    const allow = methodsOf(request)
    if (allow === '') throw new Problem('not-found')
    if (request.is404) throw new Problem('method-not-allowed', { headers: { allow } })
    allowMethods(reply, allow)
    reply.code(204).header('allow', allow).send()
  })

  function methodsOf({ raw }: FastifyRequest): string {
    const { path } = splitTarget(raw.url)
    const known = [...paths.values()].filter(({ pattern }) => pattern.test(path))
    return known.flatMap(({ methods }) => [...methods]).join(', ')
  }
}

/** The path under which @fastify/cors takes every OPTIONS. */
const CORS_WILDCARD_ROUTE = '*'

function toPattern(url: string): RegExp {
  const source = url
    .replaceAll('.', '\\.')
    .replaceAll('*', '.+')
    .replaceAll(/:[a-z]+/g, '[^/]+')
  return new RegExp(`^${source.replace(/\/$/, '')}/?$`)
}
