/** What a call can fail with: a refusal of the server's, or no answer of the server's at all. */
import type { ProblemKind } from '../wire/problems.ts'
import { object, text } from './shapes.ts'

/** What is wrong with one part of a request. */
export interface InputError {
  /** Where: the name of a member or parameter. */
  readonly path: string
  readonly message: string
}

/** The body of a refusal: RFC 9457, and whatever members the problem has besides. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  /** What to do; empty where something on the way refused the request. */
  readonly detail: string
  readonly [member: string]: unknown
}

/** How many of the `errors` the message repeats. */
const ERRORS_IN_MESSAGE = 3

/** A request was refused. `kind` is the last part of the problem's `type`: what to switch on. */
export class SillyChatError extends Error {
  override readonly name = 'SillyChatError'
  readonly status: number
  readonly kind: ProblemKind | (string & {})
  readonly problem: ProblemBody
  /** For bad input: everything that is wrong with it. Empty for other problems. */
  readonly errors: readonly InputError[]
  /** When the server says it is worth trying again, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(problem: ProblemBody, retryAfterMs: number | undefined) {
    const errors = Array.isArray(problem['errors']) ? problem['errors'].filter(isInputError) : []
    super(messageOf(problem, errors))
    this.status = problem.status
    this.kind = problem.type.replace('urn:silly-chat:', '')
    this.problem = problem
    this.errors = errors
    this.retryAfterMs = retryAfterMs
  }
}

function messageOf({ title, detail, status }: ProblemBody, errors: readonly InputError[]): string {
  if (detail === '') return `${title} (${status}). This is not an answer of Silly Chat: check the URL and any proxy.`
  const listed = errors.slice(0, ERRORS_IN_MESSAGE).map(({ path, message }) => (path ? `${path}: ${message}` : message))
  const more = errors.length - listed.length
  if (more > 0) listed.push(`${more} more in \`errors\``)
  return `${title}: ${detail}${listed.length > 0 ? ` (${listed.join('; ')})` : ''}`
}

const isInputError = object<InputError>({ path: text, message: text })

/**
 * - `invalid-url`: the URL that was given is no http or https URL. Nothing was sent.
 * - `unreachable`: no answer arrived, or not all of it. The server may have done what was asked.
 * - `unexpected-response`: something answered that is not Silly Chat, such as another server or a proxy.
 */
export type RequestErrorKind = 'invalid-url' | 'unreachable' | 'unexpected-response'

/**
 * A request got no answer of Silly Chat's. A TypeError, as are those of fetch itself. The message never quotes a URL or
 * an answer, since both may hold secrets.
 */
export class RequestError extends TypeError {
  override readonly name = 'RequestError'
  readonly kind: RequestErrorKind

  constructor(kind: RequestErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** Whether asking again may help: no answer arrived, or the server had no room or no time. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof SillyChatError)) return error instanceof RequestError && error.kind === 'unreachable'
  return error.status === 408 || error.status === 429 || error.status >= 500
}
