/** CORS: which pages of other origins may call the API. No cookies are used, so any page may, unless it is said which. */
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Settings } from '../../cli/settings.ts'

type Origins = Settings['CORS_ORIGIN']

/** As one text: a list would be joined for every answer. */
const EXPOSED = 'Allow, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, WWW-Authenticate'

/** Call it before whatever may refuse a request: a page must be able to read why. */
export async function addCrossOrigin(app: FastifyInstance, origins: Origins): Promise<void> {
  await app.register(cors, {
    origin: origins === '*' ? origins : (origin, done) => done(null, origin !== undefined && origins.includes(origin)),
    // Until `allowMethods` says which ones the path has.
    methods: [],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: EXPOSED,
    maxAge: 86_400,
    strictPreflight: false,
    preflightContinue: true
  })
}

/** In the answer to a preflight: lets the page use every method of the path, if it may call the API at all. */
export function allowMethods(reply: FastifyReply, methods: string): void {
  if (reply.hasHeader('access-control-allow-methods')) reply.header('access-control-allow-methods', methods)
}

/** For the refusals below Fastify, of which the origin is not known. */
export function crossOriginHeaders(origins: Origins): Readonly<Record<string, string>> {
  if (origins !== '*') return {}
  return { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED }
}
