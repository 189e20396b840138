/** CORS: which pages of other origins can call the API. There are no cookies, so by default every page can. */
import cors from '@fastify/cors'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import type { Settings } from '../../cli/settings.ts'

type Origins = Settings['CORS_ORIGIN']

/** A string, because a list would be joined again for every answer. */
const EXPOSED = 'Allow, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, WWW-Authenticate'

/** Comes before everything that refuses requests: a page must be able to read why. */
export const crossOrigin = fp<{ readonly origins: Origins }>(
  async (app, { origins }) => {
    await app.register(cors, {
      origin:
        origins === '*' ? origins : (origin, done) => done(null, origin !== undefined && origins.includes(origin)),
      // `allowMethods` sets the methods of the path.
      methods: [],
      allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
      exposedHeaders: EXPOSED,
      maxAge: 86_400,
      strictPreflight: false,
      preflightContinue: true
    })
  },
  { name: 'cors', dependencies: ['security-headers'] }
)

/** Allows a page every method of the path in the answer to a preflight, if its origin is allowed. */
export function allowMethods(reply: FastifyReply, methods: string): void {
  if (reply.hasHeader('access-control-allow-methods')) reply.header('access-control-allow-methods', methods)
}

/** For refusals of requests that node:http could not parse, so that their origin is unknown. */
export function crossOriginHeaders(origins: Origins): Readonly<Record<string, string>> {
  if (origins !== '*') return {}
  return { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED }
}
