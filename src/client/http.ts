/** The client's requests: JSON over fetch, problems as errors. Works in Node and in browsers. */
import { type ProblemBody, RequestError, SillyChatError } from './errors.ts'
import { type Check, isObject } from './shapes.ts'

export interface ClientOptions {
  /** Used instead of the global fetch. */
  readonly fetch?: typeof fetch | undefined
  /** Aborts requests and streams in progress. */
  readonly signal?: AbortSignal | undefined
}

export interface RequestOptions extends ClientOptions {
  readonly user?: string | undefined
  /** POST by default if JSON is sent, otherwise GET. */
  readonly method?: string | undefined
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * Sends a request whose answer is JSON that `isAnswer` accepts.
 * @throws SillyChatError if the server refuses the request
 * @throws RequestError if no such answer arrives
 */
export async function requestJson<Answer>(
  url: string,
  isAnswer: Check<Answer>,
  options: RequestOptions = {}
): Promise<Answer> {
  const response = await send(url, options)
  const answer = parseJson(await textOf(response, options.signal))
  if (!isAnswer(answer)) throw unexpected(response)
  return answer
}

/**
 * @throws SillyChatError if the server refuses the request
 * @throws RequestError if no answer arrives
 */
export async function send(
  url: string,
  {
    fetch: fetchOnce = fetch,
    signal,
    user,
    json,
    headers,
    method = json === undefined ? 'GET' : 'POST'
  }: RequestOptions
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
    response = await fetchOnce(href, request)
  } catch (cause) {
    throw unreachable(cause, signal)
  }
  if (response.ok) return response
  throw await readProblem(response, signal)
}

/** @throws RequestError if fetch would refuse the URL */
export function parseUrl(url: string): URL {
  let parsed: URL | undefined
  try {
    parsed = new URL(url)
  } catch {
    // The TypeError does not become the cause: it quotes the URL, which is a secret.
  }
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:'
  if (parsed !== undefined && isHttp && parsed.username === '' && parsed.password === '') return parsed
  throw new RequestError(
    'invalid-url',
    'The URL must begin with http:// or https:// and hold no user name or password, such as http://localhost:8000'
  )
}

/** The query string of the defined parameters; empty if there are none. */
export function queryOf(parameters: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, `${value}`)
  return `?${query}`.replace(/^\?$/, '')
}

/** Unlike a spread, an undefined option does not hide its default. */
export function withDefaults<Options extends ClientOptions>(options: Options, defaults: ClientOptions): Options {
  return { ...options, fetch: options.fetch ?? defaults.fetch, signal: options.signal ?? defaults.signal }
}

export function unexpected({ status, headers }: Response): RequestError {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim() || 'no content type'
  return new RequestError(
    'unexpected-response',
    `What answered (status ${status}, ${type}) is not Silly Chat. Check that the URL is complete, that it leads to a Silly Chat server, and that no proxy answers in its place.`
  )
}

/** Returns undefined if the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // A SyntaxError: this is not JSON.
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
  // HTTP also allows a date (RFC 9110, section 10.2.3), which this server never sends.
  const seconds = /^\d{1,9}$/.exec(response.headers.get('retry-after') ?? '')?.[0]
  return new SillyChatError(problem, seconds === undefined ? undefined : Number(seconds) * 1000)
}

/** If a proxy refused the request, the body can be plain text or another kind of JSON. */
function problemOf(body: unknown, { status, statusText }: Response): ProblemBody {
  const members: Readonly<Record<string, unknown>> = isObject(body) ? body : {}
  const text = (member: string): string | undefined => {
    const value = members[member]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  return {
    ...members,
    type: text('type') ?? 'about:blank',
    // HTTP/2 has no reason phrases (RFC 9113, section 8.3.2).
    title: text('title') ?? (statusText || 'Refused'),
    status,
    detail: text('detail') ?? ''
  }
}

/** The longest delay of a JavaScript timer; a longer one would fire at once. */
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
