/** What is refused before a route is called: a URL that is too long, an unknown path, a method that the path does not have. */
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../../wire/problems.ts'
import { allowMethods } from '../response/cors.ts'
import { splitTarget } from './request-target.ts'

export const MAX_URL_LENGTH = 8192

/** Register it before any route, because it collects their paths. Answers OPTIONS too. */
export const knownPaths = fp(
  (app, _options, done) => {
    const paths = new Map<string, { pattern: RegExp; methods: Set<string> }>()

    app.addHook('onRoute', ({ url, method }) => {
      if (url === CORS_WILDCARD_ROUTE) return
      const known = paths.get(url) ?? { pattern: toPattern(url), methods: new Set(['OPTIONS']) }
      paths.set(url, known)
      for (const name of [method].flat()) known.methods.add(name)
    })

    app.addHook('onRequest', (request, reply, next) => {
      if (request.originalUrl.length > MAX_URL_LENGTH) throw new Problem('uri-too-long')
      if (!request.is404 && request.method !== 'OPTIONS') {
        next()
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

    done()
  },
  { name: 'known-paths', dependencies: ['problems', 'cors', 'base-url', 'rate-limits'] }
)

/** The path of the OPTIONS route that @fastify/cors adds. */
const CORS_WILDCARD_ROUTE = '*'

function toPattern(url: string): RegExp {
  const source = url
    .replaceAll('.', '\\.')
    .replaceAll('*', '.+')
    .replaceAll(/:[a-z]+/g, '[^/]+')
  return new RegExp(`^${source.replace(/\/$/, '')}/?$`)
}
