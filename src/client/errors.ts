/** The errors of a call: the server refused it, or no answer came from the server. */
import type { ProblemKind } from '../wire/problems.ts'
import { object, text } from './shapes.ts'

/** One validation error of a request. */
export interface InputError {
  /** The name of the member or parameter. */
  readonly path: string
  readonly message: string
}

/** The body of a refusal: problem details (RFC 9457), with any extension members. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  /** How to fix it; empty if a proxy refused the request. */
  readonly detail: string
  readonly [member: string]: unknown
}

/** How many of the `errors` the message lists. */
const ERRORS_IN_MESSAGE = 3

/** The server refused a request. Switch on `kind`, the last part of the problem's `type`. */
export class SillyChatError extends Error {
  override readonly name = 'SillyChatError'
  readonly status: number
  readonly kind: ProblemKind | (string & {})
  readonly problem: ProblemBody
  /** All validation errors if the input is invalid; empty for other problems. */
  readonly errors: readonly InputError[]
  /** The server's `Retry-After`, in milliseconds. */
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
 * - `invalid-url`: the given URL is not an http or https URL. Nothing was sent.
 * - `unreachable`: no complete answer arrived. The server may have processed the request.
 * - `unexpected-response`: the answer is not from Silly Chat but, for example, from another server or a proxy.
 */
export type RequestErrorKind = 'invalid-url' | 'unreachable' | 'unexpected-response'

/**
 * A request got no answer from Silly Chat. It is a TypeError, like the errors of fetch itself. The message never quotes a
 * URL or an answer, because both can contain secrets.
 */
export class RequestError extends TypeError {
  override readonly name = 'RequestError'
  readonly kind: RequestErrorKind

  constructor(kind: RequestErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** Whether a retry can help soon: no answer arrived, or the server was overloaded, unavailable or too slow. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof SillyChatError)) return error instanceof RequestError && error.kind === 'unreachable'
  // For a day.
  if (error.kind === 'blocked') return false
  return error.status === 408 || error.status === 429 || error.status >= 500
}
