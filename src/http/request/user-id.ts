/**
 * Who is asking, read once: the head of a request (its header or, of a GET, its query) when it arrives, and the body of a POST or
 * PATCH once it is there, if the head says nothing.
 */
import type { FastifyRequest, preValidationHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { readUserId, type UserId } from '../../chat/ids.ts'
import { Problem } from '../../wire/problems.ts'
import { USER_ID_NAMES } from '../../wire/schemas/common.ts'
import { differing, type InputError, invalidRequest, lettersOf, namesOf, nearest } from './member-names.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the head of the request says. */
    identity: Identity
    /** After `allowUserId` or `requireUserId`. */
    user: UserId | undefined
  }
}

/** Undefined: nothing was sent. `differ`: two names with different values. */
type Identity = UserId | 'malformed' | { readonly differ: [name: string, other: string] } | undefined

/** Reads the head of every request; the hooks below do the rest where a route wants a user. */
export const userIds = fp(
  (app, _options, done) => {
    app.decorateRequest('identity', undefined)
    app.decorateRequest('user', undefined)
    app.addHook('onRequest', (request, _reply, next) => {
      request.identity = readHead(request)
      next()
    })
    done()
  },
  { name: 'user-id', dependencies: ['known-paths'] }
)

/** A preValidation hook: a user id can be sent; one that is malformed, or in a place where it does not count, is refused. */
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

/** Who is asking, after `requireUserId`. */
export function userOf(request: FastifyRequest): UserId {
  if (request.user === undefined) throw new Problem('user-id-required')
  return request.user
}

/**
 * The Authorization header (RFC 6750, section 2.1) wins over the names of a user id in the query of a GET and in the
 * JSON body of a POST or PATCH. `undefined`: none was sent.
 * @throws Problem `user-id-required` for one that is empty or no UUID, `invalid-request` for two that differ
 */
function findUserId({ method, identity, body }: FastifyRequest): UserId | undefined {
  const user = takesBody(method) ? (identity ?? readMembers(body)) : identity
  if (user === 'malformed') throw new Problem('user-id-required')
  if (typeof user === 'object') throw invalidRequest(differing(...user.differ))
  return user
}

/** Whether requests of this method say in their body who is asking. */
function takesBody(method: string): boolean {
  return method === 'POST' || method === 'PATCH'
}

/** The user id in the head of a request, where the body is not there yet. */
export function userIdInHead({ identity }: FastifyRequest): UserId | 'malformed' | undefined {
  return typeof identity === 'object' ? 'malformed' : identity
}

function readHead({ method, headers: { authorization }, query }: FastifyRequest): Identity {
  if (authorization !== undefined && !isOfAnotherScheme(authorization)) {
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1]
    return readUserId(token ?? '') ?? 'malformed'
  }
  return method === 'GET' || method === 'HEAD' ? readMembers(query) : undefined
}

function readMembers(place: unknown): Identity {
  const all = userIdsIn(place).map(({ name, value }) => ({
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
 * Credentials of a scheme other than Bearer (RFC 9110, section 11.4) are for somebody else, such as a proxy in between. A
 * value without a scheme is a misspelt Bearer: its sender is not a newcomer.
 */
function isOfAnotherScheme(authorization: string): boolean {
  return /^(?!bearer)(?:[\w!#$%&'*+.^`|~-]+ |[a-z-]+$)/i.test(authorization) && readUserId(authorization) === undefined
}

/** The place in which a user id counts besides the header. */
function placeOf({ method, query, body }: FastifyRequest): unknown {
  if (method === 'GET' || method === 'HEAD') return query
  return takesBody(method) ? body : undefined
}

/** The names of a user id, without case, `_` and `-`. */
const LETTERS: readonly string[] = USER_ID_NAMES.map(lettersOf)
const MIN_LENGTH = Math.min(...LETTERS.map(({ length }) => length))

interface Sent {
  readonly name: string
  readonly value: unknown
}

const NOTHING: readonly Sent[] = []

/** Every member there that is called a user id. Our answers give null for none, and a client may send that back. */
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

/** Whether a user id was sent where it does not count. Its sender must not be taken for a newcomer. */
function isMisplaced(request: FastifyRequest): boolean {
  const { method, query, body } = request
  const elsewhere = method === 'GET' || method === 'HEAD' ? [] : takesBody(method) ? [query] : [query, body]
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

/** The members that most likely were meant as a user id. */
function misspelled(request: FastifyRequest): InputError[] {
  const place = placeOf(request)
  if (typeof place !== 'object' || place === null) return []
  const { querystring, body } = request.routeOptions.schema ?? {}
  const { known, byLetters } = namesOf(takesBody(request.method) ? body : querystring)
  return Object.keys(place).flatMap((path) => {
    const letters = lettersOf(path)
    if (known.has(path) || byLetters.has(letters)) return []
    const close = LETTERS.indexOf(nearest(letters, LETTERS) ?? '')
    const message = close < 0 ? MISTAKEN.get(letters) : `Did you mean \`${USER_ID_NAMES[close]}\`?`
    return message === undefined ? [] : [{ path, message }]
  })
}

/** Refuses a request without a user id that counts, and names what seems to be meant as one. */
function required(request: FastifyRequest): Problem {
  const errors = misspelled(request)
  const members = errors.length > 0 ? { errors: errors.slice(0, 1) } : {}
  if (!isMisplaced(request)) return new Problem('user-id-required', { members })
  const detail = takesBody(request.method)
    ? `In a ${request.method} the user id does not count in the query. Send it as "Authorization: Bearer <user id>", or as \`user_id\` in the JSON body.`
    : `In a ${request.method} the user id counts in the header alone: send it as "Authorization: Bearer <user id>".`
  return new Problem('user-id-required', { detail, members })
}
