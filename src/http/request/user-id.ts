/** Who is asking: the one place where a user id is read from a request. */
import type { FastifyInstance, FastifyRequest, preValidationHookHandler } from 'fastify'
import { readUserId, type UserId } from '../../chat/ids.ts'
import { Problem } from '../../wire/problems.ts'
import { USER_ID_NAMES } from '../../wire/schemas/common.ts'
import { differing, type InputError, invalidRequest, lettersOf, namesOf, nearest } from './member-names.ts'

declare module 'fastify' {
  interface FastifyRequest {
    user: UserId | undefined
  }
}

export function addUserId(app: FastifyInstance): void {
  app.decorateRequest('user', undefined)
}

/** A preValidation hook: a user id may be sent; one that is malformed, or where it does not count, is refused. */
export const allowUserId: preValidationHookHandler = (request, _reply, done) => {
  request.user = findUserId(request)
  if (request.user === undefined) {
    if (isMisplaced(request)) throw required(request)
    const errors = misspelled(request)
    if (errors.length > 0) throw invalidRequest(errors)
  }
  done()
}

/** A preValidation hook: a user id must be sent. */
export const requireUserId: preValidationHookHandler = (request, _reply, done) => {
  request.user = findUserId(request)
  if (request.user === undefined) throw required(request)
  done()
}

/** Who is asking, behind `requireUserId`. */
export function userOf(request: FastifyRequest): UserId {
  if (request.user === undefined) throw new Problem('user-id-required')
  return request.user
}

/**
 * The Authorization header (RFC 6750, section 2.1) wins over the names of a user id in the query of a GET and in the
 * JSON body of a POST. `undefined`: none was sent.
 * @throws Problem `user-id-required` for one that is empty or no UUID, `invalid-request` for two that differ
 */
function findUserId(request: FastifyRequest): UserId | undefined {
  const user = readUser(request)
  if (user === 'malformed') throw new Problem('user-id-required')
  if (typeof user === 'object') throw invalidRequest(differing(...user.differ))
  return user
}

/** What was sent as a user id; before the body is there, without that. */
export function sentUserId(request: FastifyRequest): UserId | 'malformed' | undefined {
  const user = readUser(request)
  return typeof user === 'object' ? 'malformed' : user
}

type Read = UserId | 'malformed' | { readonly differ: [name: string, other: string] } | undefined

function readUser(request: FastifyRequest): Read {
  const { authorization } = request.headers
  if (authorization !== undefined && !isOfAnotherScheme(authorization)) {
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1]
    return readUserId(token ?? '') ?? 'malformed'
  }
  const all = userIdsIn(placeOf(request)).map(({ name, value }) => ({
    name,
    user: typeof value === 'string' ? readUserId(value) : undefined
  }))
  const [first] = all
  if (first === undefined) return undefined
  if (all.some(({ user }) => user === undefined)) return 'malformed'
  const other = all.find(({ user }) => user !== first.user)
  return other === undefined ? first.user : { differ: [first.name, other.name] }
}

/**
 * Credentials of a scheme (RFC 9110, section 11.4) that is not Bearer are somebody else's business, as those of a proxy
 * in between. What has no scheme is a Bearer that was written wrongly: who sent it is not somebody new.
 */
function isOfAnotherScheme(authorization: string): boolean {
  return /^(?!bearer)(?:[\w!#$%&'*+.^`|~-]+ |[a-z-]+$)/i.test(authorization) && readUserId(authorization) === undefined
}

/** Where a user id counts besides the header. */
function placeOf({ method, query, body }: FastifyRequest): unknown {
  if (method === 'GET' || method === 'HEAD') return query
  return method === 'POST' ? body : undefined
}

/** By what is left of them without case, `_` and `-`. */
const LETTERS: readonly string[] = USER_ID_NAMES.map(lettersOf)
const MIN_LENGTH = Math.min(...LETTERS.map(({ length }) => length))

interface Sent {
  readonly name: string
  readonly value: unknown
}

const NOTHING: readonly Sent[] = []

/** Everything there that is called a user id. Answers that have none say null, and may be sent back. */
function userIdsIn(place: unknown): readonly Sent[] {
  if (typeof place !== 'object' || place === null) return NOTHING
  let found: Sent[] | undefined
  for (const name in place) {
    if (name.length < MIN_LENGTH || !LETTERS.includes(lettersOf(name))) continue
    const value: unknown = Reflect.get(place, name)
    if (value === null && name !== USER_ID_NAMES[0]) continue
    found ??= []
    found.push({ name, value })
  }
  return found ?? NOTHING
}

/** Whether a user id was sent where it does not count, so that whoever sent it is not taken for somebody new. */
function isMisplaced(request: FastifyRequest): boolean {
  const { method, query, body } = request
  const elsewhere = method === 'GET' || method === 'HEAD' ? [] : method === 'POST' ? [query] : [query, body]
  return elsewhere.some((place) => userIdsIn(place).length > 0)
}

/** Names that can only mean a user id. Not `token`, `uid` and the like, which mail programs add to links. */
const MISTAKEN: ReadonlyMap<string, string> = new Map([
  ['accesstoken', 'Send your user id as `user_id`.'],
  ['guestid', 'Send your client_id as `user_id`.'],
  ['memberid', 'Send your client_id as `user_id`.'],
  ['ownerid', 'Send your author_id as `user_id`.'],
  ['requestid', 'A request_id does not say who you are. Send your client_id as `user_id`.']
])

/** What was most likely meant as a user id. */
function misspelled(request: FastifyRequest): InputError[] {
  const place = placeOf(request)
  if (typeof place !== 'object' || place === null) return []
  const { querystring, body } = request.routeOptions.schema ?? {}
  const { known, byLetters } = namesOf(request.method === 'POST' ? body : querystring)
  return Object.keys(place).flatMap((path) => {
    const letters = lettersOf(path)
    if (known.has(path) || byLetters.has(letters)) return []
    const close = LETTERS.indexOf(nearest(letters, LETTERS) ?? '')
    const message = close < 0 ? MISTAKEN.get(letters) : `Did you mean \`${USER_ID_NAMES[close]}\`?`
    return message === undefined ? [] : [{ path, message }]
  })
}

/** The refusal of a request without a user id that counts, with what seems to have been meant as one. */
function required(request: FastifyRequest): Problem {
  const errors = misspelled(request)
  const members = errors.length > 0 ? { errors: errors.slice(0, 1) } : {}
  if (!isMisplaced(request)) return new Problem('user-id-required', { members })
  const detail =
    request.method === 'POST'
      ? 'In a POST the user id does not count in the query. Send it as "Authorization: Bearer <user id>", or as `user_id` in the JSON body.'
      : `In a ${request.method} the user id counts in the header alone: send it as "Authorization: Bearer <user id>".`
  return new Problem('user-id-required', { detail, members })
}
