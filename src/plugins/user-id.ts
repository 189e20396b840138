/** Who is asking: the one place where a user id is read from a request. */
import type { FastifyInstance, FastifyRequest, preValidationHookHandler } from 'fastify'
import { readUserId, type UserId } from '../ids.ts'
import { Problem } from '../problems.ts'

declare module 'fastify' {
  interface FastifyRequest {
    user: UserId | undefined
  }
}

export function addUserId(app: FastifyInstance): void {
  app.decorateRequest('user', undefined)
}

/** A preValidation hook: a user id may be sent; one that is malformed is refused. */
export const allowUserId: preValidationHookHandler = (request, _reply, done) => {
  request.user = findUserId(request)
  done()
}

/** A preValidation hook: a user id must be sent. */
export const requireUserId: preValidationHookHandler = (request, _reply, done) => {
  request.user = findUserId(request)
  userOf(request)
  done()
}

/** Who is asking, behind `requireUserId`. */
export function userOf(request: FastifyRequest): UserId {
  if (request.user === undefined) throw new Problem('user-id-required')
  return request.user
}

/**
 * The Authorization header (RFC 6750, section 2.1) wins over `user_id`, which counts in the query of a GET and in the
 * JSON body of a POST. `undefined`: none was sent.
 * @throws Problem `user-id-required` for one that is empty, no UUID, or of another scheme
 */
function findUserId(request: FastifyRequest): UserId | undefined {
  const sent = sentUserId(request)
  if (sent === 'malformed') throw new Problem('user-id-required')
  return sent
}

/** What was sent as a user id; before the body is there, without that. */
export function sentUserId(request: FastifyRequest): UserId | 'malformed' | undefined {
  const { authorization } = request.headers
  const sent =
    authorization === undefined ? besidesHeaders(request) : (/^bearer +(\S+)$/i.exec(authorization)?.[1] ?? '')
  if (sent === undefined) return undefined
  return (typeof sent === 'string' ? readUserId(sent) : undefined) ?? 'malformed'
}

function besidesHeaders({ method, query, body }: FastifyRequest): unknown {
  if (method === 'GET' || method === 'HEAD') return memberOf(query)
  return method === 'POST' ? memberOf(body) : undefined
}

function memberOf(source: unknown): unknown {
  return typeof source === 'object' && source !== null && 'user_id' in source ? source.user_id : undefined
}
