/** How the client asks: JSON over fetch, problems as errors. Works in Node and in browsers. */
import { type ProblemBody, RequestError, SillyChatError } from './errors.ts'
import { type Check, isObject } from './shapes.ts'

export interface ClientOptions {
  /** Instead of the global fetch. */
  readonly fetch?: typeof fetch | undefined
  /** Aborts whatever is under way. */
  readonly signal?: AbortSignal | undefined
}

export interface Ask extends ClientOptions {
  readonly user?: string | undefined
  /** GET if none is given, or POST where JSON is sent. */
  readonly method?: string | undefined
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * Asks for JSON that `isAnswer` knows.
 * @throws SillyChatError if it is refused
 * @throws RequestError if no such answer arrives
 */
export async function ask<Answer>(url: string, isAnswer: Check<Answer>, options: Ask = {}): Promise<Answer> {
  const response = await send(url, options)
  const answer = parseJson(await textOf(response, options.signal))
  if (!isAnswer(answer)) throw unexpected(response)
  return answer
}

/**
 * @throws SillyChatError if it is refused
 * @throws RequestError if no answer arrives
 */
export async function send(
  url: string,
  { fetch: own = fetch, signal, user, json, headers, method = json === undefined ? 'GET' : 'POST' }: Ask
): Promise<Response> {
  const { href } = parseUrl(url)
  const request: RequestInit = {
    method,
    headers: {
      accept: 'application/json, text/event-stream',
      ...(user !== undefined && { authorization: `Bearer ${user}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers
    },
    ...(signal !== undefined && { signal }),
    ...(json !== undefined && { body: JSON.stringify(json) })
  }
  let response: Response
  try {
    response = await own(href, request)
  } catch (cause) {
    throw unreachable(cause, signal)
  }
  if (response.ok) return response
  throw await readProblem(response, signal)
}

/** @throws RequestError if fetch takes no such URL */
export function parseUrl(url: string): URL {
  let parsed: URL | undefined
  try {
    parsed = new URL(url)
  } catch {
    // Not kept as the cause: the error of a parser quotes what it was given, and a URL of ours is a secret.
  }
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:'
  if (parsed !== undefined && isHttp && parsed.username === '' && parsed.password === '') return parsed
  throw new RequestError(
    'invalid-url',
    'The URL must begin with http:// or https:// and hold no user name or password, such as http://localhost:8000'
  )
}

/** A query of what is given; what is undefined is left out. Empty where nothing is. */
export function queryOf(parameters: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, `${value}`)
  return `?${query}`.replace(/^\?$/, '')
}

/** The options of one call over those of all. What is undefined in them takes nothing away. */
export function over<Options extends ClientOptions>(all: ClientOptions, one: Options): Options {
  return { ...one, fetch: one.fetch ?? all.fetch, signal: one.signal ?? all.signal }
}

export function unexpected({ status, headers }: Response): RequestError {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim() || 'no content type'
  return new RequestError(
    'unexpected-response',
    `What answered (status ${status}, ${type}) is not Silly Chat. Check that the URL is complete, that it leads to a Silly Chat server, and that no proxy answers in its place.`
  )
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A SyntaxError: whoever sent it speaks another language.
    return undefined
  }
}

async function textOf(response: Response, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await response.text()
  } catch (cause) {
    throw unreachable(cause, signal)
  }
}

function unreachable(cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  return new RequestError('unreachable', 'No answer arrived from the server. Check its address and the network.', {
    cause
  })
}

async function readProblem(response: Response, signal: AbortSignal | undefined): Promise<SillyChatError> {
  const problem = problemOf(parseJson(await textOf(response, signal)), response)
  // A date, which HTTP allows as well, is not sent by this server.
  const seconds = /^\d{1,9}$/.exec(response.headers.get('retry-after') ?? '')?.[0]
  return new SillyChatError(problem, seconds === undefined ? undefined : Number(seconds) * 1000)
}

/** What a proxy in between refused may be no JSON at all, or JSON of its own. */
function problemOf(body: unknown, { status, statusText }: Response): ProblemBody {
  const told: Readonly<Record<string, unknown>> = isObject(body) ? body : {}
  const text = (member: string): string | undefined => {
    const value = told[member]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  return {
    ...told,
    type: text('type') ?? 'about:blank',
    // HTTP/2 has no reason phrases.
    title: text('title') ?? (statusText || 'Refused'),
    status,
    detail: text('detail') ?? ''
  }
}

/** The longest that a timer of JavaScript can wait; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** @throws the signal's reason once it is aborted */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      Math.min(ms, MAX_TIMER_MS)
    )
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
