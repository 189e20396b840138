/**
 * Reads the names in a query or body, so that nothing that plainly has a meaning is ignored silently. A known name counts in
 * any case, with or without `_` and `-`. A name that is one typing error away from a known name that is absent is refused.
 * Other unknown names are ignored. The known names are those of the route's schema.
 */
import { isDeepStrictEqual } from 'node:util'
import type { preValidationHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { z } from 'zod'
import { Problem } from '../../wire/problems.ts'
import { USER_ID_NAMES } from '../../wire/schemas/common.ts'
import { memberFacts } from '../../wire/schemas/members.ts'

/** As in `errors` of a problem. */
export interface InputError {
  readonly path: string
  readonly message: string
}

/** A request that is wrong in a thousand places gets only the first few errors. */
const MAX_ERRORS = 20

export function invalidRequest(errors: readonly InputError[]): Problem {
  return new Problem('invalid-request', { members: { errors: errors.slice(0, MAX_ERRORS) } })
}

export interface ReadMembers {
  /** By the names of the schema, without those that are ignored. */
  readonly members: unknown
  readonly errors: readonly InputError[]
  /** The name that the client sent, by the name of the schema. */
  readonly spelling: ReadonlyMap<string, string>
}

/** The names of one schema. */
export interface Names {
  /** As in the schema. */
  readonly known: ReadonlySet<string>
  /** By the letters of a name (`lettersOf`). */
  readonly byLetters: ReadonlyMap<string, string>
  /** Names that mean a member but cannot be read as it, by their letters. */
  readonly mistaken: ReadonlyMap<string, Mistaken>
}

interface Mistaken {
  readonly name: string
  readonly message: string
  /** Whether null under the mistaken name is ignored, because the member itself can be null. */
  readonly nullIsNone: boolean
}

/** A name without case, `_` and `-`. */
export function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}

const NO_NAMES: Names = { known: new Set(), byLetters: new Map(), mistaken: new Map() }
const read = new WeakMap<object, Names>()

export function namesOf(schema: unknown): Names {
  if (!(schema instanceof z.ZodObject)) return NO_NAMES
  const names = read.get(schema) ?? readNames(schema)
  read.set(schema, names)
  return names
}

function readNames(schema: z.ZodObject): Names {
  const facts = Object.keys(schema.shape).map((name) => ({ name, ...memberFacts.get(schema.shape[name]) }))
  const spelled = facts.flatMap(({ name, also = [] }) => [name, ...also].map((one) => ({ one, name })))
  // The schema as a whole can have mistaken names too, which belong to no member.
  const mistaken = [...facts, { name: '', ...memberFacts.get(schema) }].flatMap(({ name, mistakenFor }) => {
    const { names = [], message = '' } = mistakenFor ?? {}
    const nullIsNone = schema.shape[name]?.safeParse(null).success === true
    return names.map((one): [string, Mistaken] => [lettersOf(one), { name, message, nullIsNone }])
  })
  return {
    known: new Set(Object.keys(schema.shape)),
    // Of two names that differ only in case, the first counts for other spellings.
    byLetters: new Map(spelled.reverse().map(({ one, name }) => [lettersOf(one), name])),
    mistaken: new Map(mistaken)
  }
}

/** Returns a function that reads members by the names of `schema`, or returns undefined if all names are exact, as usual. */
export function nameReader(schema: unknown, httpPart: 'query' | 'body'): (sent: unknown) => ReadMembers | undefined {
  const names = namesOf(schema)
  return (sent) => {
    if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return undefined
    for (const name in sent) {
      if (!names.known.has(name) || (httpPart === 'query' && Array.isArray(Reflect.get(sent, name)))) {
        return sort(Object.entries(sent), names, httpPart)
      }
    }
    return undefined
  }
}

const [USER_ID] = USER_ID_NAMES

interface Sent {
  readonly as: string
  readonly value: unknown
}

function sort(sent: [string, unknown][], names: Names, httpPart: 'query' | 'body'): ReadMembers {
  const known = new Map<string, Sent[]>()
  const unknown: Sent[] = []
  for (const [as, value] of sent) {
    const name = names.known.has(as) ? as : names.byLetters.get(lettersOf(as))
    if (name === undefined) unknown.push({ as, value })
    else if (!known.get(name)?.push({ as, value })) known.set(name, [{ as, value }])
  }
  // `user-id.ts` has read the user id.
  known.delete(USER_ID)
  const chosen = [...known].map(([name, all]) => ({ name, all, ...choose(all, httpPart) }))
  return {
    members: Object.fromEntries(chosen.map(({ name, value }) => [name, value])),
    errors: [
      ...chosen.flatMap(({ all }) => errorsOf(all, httpPart)),
      ...unknown
        .filter(({ value }) => !isNone(value, httpPart))
        .flatMap((one) => refusalOf(one, names, (name) => known.has(name)))
    ],
    spelling: new Map(chosen.map(({ name, as }) => [name, as]))
  }
}

/** An empty parameter of a query counts as none. */
function isNone(value: unknown, httpPart: 'query' | 'body'): boolean {
  return httpPart === 'query' && value === ''
}

/** Of several names for the same member, the first with a value. */
function choose(all: readonly Sent[], httpPart: 'query' | 'body'): Sent {
  const [first = { as: '', value: undefined }] = all
  return all.find(({ value }) => !isNone(value, httpPart)) ?? first
}

function errorsOf(all: readonly Sent[], httpPart: 'query' | 'body'): InputError[] {
  const twice = httpPart === 'query' ? all.find(({ value }) => Array.isArray(value)) : undefined
  if (twice !== undefined) return [{ path: twice.as, message: `Send \`${twice.as}\` once.` }]
  const first = choose(all, httpPart)
  const other = all.find(({ value }) => !isNone(value, httpPart) && !isDeepStrictEqual(value, first.value))
  return other === undefined ? [] : differing(first.as, other.as)
}

/** The errors for two names of the same member with different values. */
export function differing(one: string, other: string): InputError[] {
  const message = `\`${one}\` and \`${other}\` mean the same but differ. Send one of them.`
  return [one, other].map((path) => ({ path, message }))
}

/** The error for an unknown name that cannot be ignored, because the member that it seems to mean is absent. */
function refusalOf(
  { as, value }: Sent,
  { byLetters, mistaken }: Names,
  isPresent: (name: string) => boolean
): InputError[] {
  const letters = lettersOf(as)
  const found = mistaken.get(letters) ?? mistaken.get(nearest(letters, mistaken.keys(), MIN_MISTAKEN_LETTERS) ?? '')
  if (found !== undefined && !isPresent(found.name) && !(value === null && found.nullIsNone)) {
    return [{ path: as, message: found.message }]
  }
  // `user-id.ts` has refused names that are close to one of a user id, unless there is a user id elsewhere.
  const name = byLetters.get(nearest(letters, byLetters.keys()) ?? '')
  if (name === undefined || name === USER_ID || isPresent(name)) return []
  return [{ path: as, message: `Did you mean \`${name}\`?` }]
}

/** Shorter names are too close to names with another meaning. */
const MIN_LETTERS = 4
/** For a mistaken name, which is a guess already, the second guess must be safer: `user` is no misspelling of `uses`. */
const MIN_MISTAKEN_LETTERS = 7

/** The first of these names that is one typing error away. */
export function nearest(letters: string, names: Iterable<string>, minLetters = MIN_LETTERS): string | undefined {
  for (const name of names) if (name.length >= minLetters && isOneTypoAway(letters, name)) return name
  return undefined
}

/** Whether the names differ by one letter that is added, missing or wrong, or by two letters in the wrong order. */
function isOneTypoAway(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one]
  if (long.length - short.length > 1 || one === other) return false
  let start = 0
  while (start < short.length && short[start] === long[start]) start++
  if (long.length > short.length) return short.slice(start) === long.slice(start + 1)
  if (short.slice(start + 1) === long.slice(start + 1)) return true
  const swapped = `${long[start + 1]}${long[start]}`
  return short.slice(start, start + 2) === swapped && short.slice(start + 2) === long.slice(start + 2)
}

/**
 * Refuses input in a place that the route does not read: members of a POST body in the query, unless the body has them as
 * well, and a body of a GET. A POST without a body counts as one with an empty object.
 */
export const misplacedInput = fp(
  (app, _options, done) => {
    app.addHook('onRoute', (route) => {
      const { body, querystring } = route.schema ?? {}
      if (body === undefined && querystring === undefined) return
      const before = route.preValidation ?? []
      const hook = body === undefined ? refuseBody : refuseInQuery(namesOf(body))
      route.preValidation = [...(Array.isArray(before) ? before : [before]), hook]
    })
    done()
  },
  { name: 'misplaced-input', dependencies: ['json-body', 'user-id'] }
)

function refuseInQuery({ byLetters, mistaken }: Names): preValidationHookHandler {
  return (request, _reply, done) => {
    if (request.body === undefined) request.body = {}
    const { body, query } = request
    const errors: InputError[] = []
    for (const path in Object(query)) {
      const letters = lettersOf(path)
      const name = byLetters.get(letters) ?? mistaken.get(letters)?.name
      const isInBody = name !== undefined && typeof body === 'object' && body !== null && name in body
      // `user-id.ts` has read the user id.
      if (name !== undefined && name !== USER_ID && !isInBody) {
        errors.push({ path, message: `Send \`${name}\` in the JSON body instead of the query.` })
      }
    }
    if (errors.length > 0) throw invalidRequest(errors)
    done()
  }
}

const refuseBody: preValidationHookHandler = ({ headers, method }, _reply, done) => {
  if (Number(headers['content-length'] ?? 0) > 0) {
    const message = `The body of a ${method} is not read. Send its members in the query.`
    throw invalidRequest([{ path: '', message }])
  }
  done()
}
