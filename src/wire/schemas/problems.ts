/** The schema of problems (RFC 9457), and how a route declares the problems that it can answer. */
import { z } from 'zod'
import { Problem, type ProblemKind, problemStatus, problemTitle, problemType, problemTypes } from '../problems.ts'
import { headerDocs } from './answers.ts'
import { requestId, userIdAnswer } from './common.ts'
import { requestState } from './join-requests.ts'

export const PROBLEM_JSON = 'application/problem+json'

const problem = z
  .looseObject({
    type: z.enum(problemTypes).meta({
      description: 'Identifies the kind of problem. Switch on it in programs.',
      examples: [problemType('invalid-request')]
    }),
    title: z.string().meta({ examples: [problemTitle('invalid-request')] }),
    status: z.int().meta({ examples: [400] }),
    detail: z.string().meta({ description: 'A sentence that says what to do.' }),
    state: requestState.optional().meta({ description: 'The state of the join request that the problem is about.' }),
    request_id: requestId.optional().meta({ description: 'The join request that the problem is about.' }),
    client_id: userIdAnswer.optional().meta({ description: 'The user id of the guest who made the join request.' }),
    note: z
      .string()
      .nullable()
      .optional()
      .meta({ description: `With ${problemType('declined')}: what the owner has told the guest, or null.` }),
    errors: z
      .array(z.object({ path: z.string().meta({ examples: ['text'] }), message: z.string() }))
      .optional()
      .meta({ description: 'For invalid input: each problem and where it is.' }),
    pending_request_ids: z
      .array(z.string())
      .optional()
      .meta({ description: `With ${problemType('several-requests')}: the join requests that are pending.` })
  })
  .meta({ id: 'Problem', description: 'An error, as in RFC 9457.' })

interface ProblemResponse {
  readonly description: string
  readonly content: { readonly [PROBLEM_JSON]: { readonly schema: typeof problem; readonly example: unknown } }
}

/** Descriptions of the response headers, by status. */
const HEADERS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { 'WWW-Authenticate': '`Bearer`: how to send a user id (RFC 6750).' },
  429: {
    'Retry-After': 'When to try again, in seconds.',
    'RateLimit-Limit': 'How many requests are allowed in a minute.',
    'RateLimit-Remaining': 'How many requests are left in this minute.',
    'RateLimit-Reset': 'In how many seconds the count starts again.'
  },
  503: { 'Retry-After': 'When to try again, in seconds.' }
}

/** Problems that every route can answer. */
const ALWAYS = [
  'bad-host',
  'uri-too-long',
  'cross-site',
  'rate-limited',
  'overloaded',
  'store-full',
  'store-unreachable',
  'shutting-down',
  'internal-error'
] as const satisfies ProblemKind[]
/** Problems of every route whose method can have a body, even if the route needs none. */
export const READING_PROBLEMS = [
  'body-too-large',
  'unsupported-media-type',
  'malformed-request',
  'broken-json'
] as const satisfies ProblemKind[]
/** Problems of every route that needs a body. */
export const BODY_PROBLEMS = [...READING_PROBLEMS, 'invalid-request'] as const satisfies ProblemKind[]

const kindsOf = new WeakMap<object, readonly ProblemKind[]>()
const declared = new WeakMap<object, ReadonlySet<ProblemKind>>()

/** The problems that the `response` entries of a route declare; `undefined` if the route has no such entries. */
export function declaredProblems(response: unknown): ReadonlySet<ProblemKind> | undefined {
  if (typeof response !== 'object' || response === null) return undefined
  const found = declared.get(response) ?? new Set(Object.values(response).flatMap((one) => kindsOf.get(one) ?? []))
  declared.set(response, found)
  return found
}

/** The `response` entries of a route, one per status, for these problems and those of every route. */
export function problemResponses(...kinds: ProblemKind[]): Record<number, ProblemResponse> {
  const all = [...ALWAYS, ...kinds]
  return Object.fromEntries(
    all.map(problemStatus).map((status) => {
      const same = all.filter((kind) => problemStatus(kind) === status)
      const description = same.map((kind) => `${problemTitle(kind)} (\`${problemType(kind)}\`)`).join(', ')
      const example: unknown = JSON.parse(new Problem(same.at(-1) ?? 'internal-error').body)
      const content = { [PROBLEM_JSON]: { schema: problem, example } }
      const response = { description, ...headerDocs(HEADERS[status]), content }
      kindsOf.set(response, same)
      return [status, response]
    })
  )
}
