/** The wire of refusals (RFC 9457), and how a route declares those it knows. */
import { z } from 'zod'
import { Problem, type ProblemKind, problemStatus, problemTitle, problemType, problemTypes } from '../problems.ts'
import { headerDocs } from './answers.ts'
import { requestId, userIdAnswer } from './common.ts'
import { requestState } from './join-requests.ts'

export const PROBLEM_JSON = 'application/problem+json'

const problem = z
  .looseObject({
    type: z.enum(problemTypes).meta({
      description: 'Identifies the kind of problem. Programs switch on it.',
      examples: [problemType('invalid-request')]
    }),
    title: z.string().meta({ examples: [problemTitle('invalid-request')] }),
    status: z.int().meta({ examples: [400] }),
    detail: z.string().meta({ description: 'A sentence that says what to do.' }),
    state: requestState.optional().meta({ description: 'Of the join request that the problem is about.' }),
    request_id: requestId.optional().meta({ description: 'Which join request the problem is about.' }),
    client_id: userIdAnswer.optional().meta({ description: 'The user id of the guest whose join request it is.' }),
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

/** What the headers of a refusal tell, by status. */
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

/** What every route may answer, whatever it does. */
const ALWAYS = [
  'bad-host',
  'uri-too-long',
  'rate-limited',
  'overloaded',
  'store-full',
  'store-unreachable',
  'shutting-down',
  'internal-error'
] as const satisfies ProblemKind[]
/** What every route may answer whose method may have a body, also where it needs none. */
export const READING_PROBLEMS = [
  'body-too-large',
  'unsupported-media-type',
  'malformed-request',
  'broken-json'
] as const satisfies ProblemKind[]
/** What every route with a body may answer. */
export const BODY_PROBLEMS = [...READING_PROBLEMS, 'invalid-request'] as const satisfies ProblemKind[]

const kindsOf = new WeakMap<object, readonly ProblemKind[]>()
const declared = new WeakMap<object, ReadonlySet<ProblemKind>>()

/** The refusals that these `response` entries of a route declare; `undefined` for a route that declares none at all. */
export function declaredProblems(response: unknown): ReadonlySet<ProblemKind> | undefined {
  if (typeof response !== 'object' || response === null) return undefined
  const found = declared.get(response) ?? new Set(Object.values(response).flatMap((one) => kindsOf.get(one) ?? []))
  declared.set(response, found)
  return found
}

/** The `response` entries of a route for these refusals and those that every route has, one a status. */
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
