/** What is refused before a route has its say: too long a URL, an unknown path, a method it does not have. */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../problems.ts'

export const MAX_URL_LENGTH = 8192

/** Call it after CORS and the safe headers, and before any route is registered, since it gathers them. */
export function addRequestChecks(app: FastifyInstance): void {
  const paths = new Map<string, { pattern: RegExp; methods: Set<string> }>()

  app.addHook('onRoute', ({ url, method }) => {
    if (url === EVERYWHERE) return
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
    reply.code(204).header('allow', allow).send()
  })

  function methodsOf({ raw }: FastifyRequest): string {
    const path = decodeURI((raw.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, ''))
    const known = [...paths.values()].filter(({ pattern }) => pattern.test(path))
    return known.flatMap(({ methods }) => [...methods]).join(', ')
  }
}

/** The path under which @fastify/cors takes every OPTIONS. */
const EVERYWHERE = '*'

function toPattern(url: string): RegExp {
  const source = url
    .replaceAll('.', '\\.')
    .replaceAll('*', '.+')
    .replaceAll(/:[a-z]+/g, '[^/]+')
  return new RegExp(`^${source.replace(/\/$/, '')}/?$`)
}

/**
 * In a path that cannot be decoded every `%` stands for itself, so that an id of any shape meets the same route as any
 * other. Fastify would refuse such a URL before any hook has seen it.
 */
export function repairEscapes({ url = '/' }: IncomingMessage): string {
  if (!url.includes('%')) return url
  const [path = ''] = url.split('?', 1)
  if (!path.includes('%') || isDecodable(path)) return url
  return path.replaceAll('%', '%25') + url.slice(path.length)
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
