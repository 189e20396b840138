/** How the client asks: JSON over fetch, problems as errors. Works in Node and in browsers. */
import type { ProblemKind } from '../problems.ts'

/** The body of a refusal: RFC 9457, and whatever members the problem has besides. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly [member: string]: unknown
}

/** A request was refused. `kind` is the last part of the problem's `type`: what to switch on. */
export class SillyChatError extends Error {
  override readonly name = 'SillyChatError'
  readonly status: number
  readonly kind: ProblemKind | (string & {})
  readonly problem: ProblemBody
  /** When the server says it is worth trying again, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(problem: ProblemBody, retryAfterMs: number | undefined) {
    super(`${problem.title}: ${problem.detail}`)
    this.status = problem.status
    this.kind = problem.type.replace('urn:silly-chat:', '')
    this.problem = problem
    this.retryAfterMs = retryAfterMs
  }
}

export interface ClientOptions {
  /** Instead of the global fetch. */
  readonly fetch?: typeof fetch
  /** Aborts whatever is under way. */
  readonly signal?: AbortSignal | undefined
}

export interface Ask extends ClientOptions {
  readonly user?: string | undefined
  /** GET if none is given, or POST where JSON is sent. */
  readonly method?: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Asks for JSON.
 * @throws SillyChatError if it is refused; what fetch throws if it does not arrive
 */
export async function ask<Answer>(url: string, options: Ask = {}): Promise<Answer> {
  const response = await send(url, options)
  const answer: Answer = JSON.parse(await response.text())
  return answer
}

/** @throws SillyChatError if it is refused; what fetch throws if it does not arrive */
export async function send(
  url: string,
  { fetch: own = fetch, signal, user, json, headers, method = json === undefined ? 'GET' : 'POST' }: Ask
): Promise<Response> {
  const response = await own(url, {
    method,
    headers: {
      accept: 'application/json, text/event-stream',
      ...(user !== undefined && { authorization: `Bearer ${user}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers
    },
    ...(signal !== undefined && { signal }),
    ...(json !== undefined && { body: JSON.stringify(json) })
  })
  if (response.ok) return response
  throw await readProblem(response)
}

async function readProblem(response: Response): Promise<SillyChatError> {
  const fallback = { type: 'about:blank', title: response.statusText, status: response.status, detail: '' }
  const problem = parseProblem(await response.text(), fallback)
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return new SillyChatError(problem, Number.isNaN(seconds) ? undefined : seconds * 1000)
}

/** What a proxy in between refused may be no JSON at all. */
function parseProblem(text: string, fallback: ProblemBody): ProblemBody {
  try {
    const problem: ProblemBody = JSON.parse(text)
    return { ...fallback, ...problem }
  } catch {
    return fallback
  }
}

/** Whether asking again may help: it did not arrive, or the server had no room or no time for it. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof SillyChatError)) return error instanceof TypeError
  return error.status === 408 || error.status === 429 || error.status >= 500
}

/** @throws the signal's reason once it is aborted */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
