/** A live stream that resumes by itself: every event once and in order, however often the connection breaks. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { isRetryable, SillyChatError } from './errors.ts'
import { type ClientOptions, pause, send, unexpected } from './http.ts'

/** Longer than the server's heartbeat: a connection that is silent for so long is dead. */
const SILENCE_MS = 60_000
/** Until the server has said when to come back. */
const RETRY_MS = 2000
const MAX_RETRY_MS = 30_000
const MAX_DOUBLINGS = 5

export interface FollowOptions extends ClientOptions {
  /** How long a connection may be silent before it counts as dead, in milliseconds; more than its heartbeat. */
  readonly silenceMs?: number | undefined
  /** Told when a connection is open, and when it is lost and another will be tried. */
  readonly onState?: ((state: 'open' | 'lost') => void) | undefined
}

/** How a stream is read. */
export interface Reading<Event> {
  /** Where to go on. */
  readonly cursor?: string | undefined
  /**
   * What is told in an event. Undefined for what is no event of ours, such as those a proxy adds: it is skipped, and its
   * id is no cursor.
   */
  readonly read: (event: EventSourceMessage) => Event | undefined
  /** Whether nothing follows an event. */
  readonly isLast: (event: Event) => boolean
  /** Asked after a connection that has brought nothing: whether there is nothing more to wait for. */
  readonly isOver?: (() => Promise<boolean>) | undefined
}

/**
 * The events of a stream, over as many connections as it takes. Ends when the server says that there is nothing more
 * (204), or when `isLast` says so of an event.
 * @throws SillyChatError if the stream is refused for good
 * @throws RequestError if something answers that is no such stream
 * @throws the signal's reason once it is aborted
 */
export async function* follow<Event>(
  url: string,
  user: string,
  options: FollowOptions,
  { cursor, read, isLast, isOver }: Reading<Event>
): AsyncGenerator<Event, void, undefined> {
  const state: StreamState = { cursor, retryMs: RETRY_MS, failures: 0, isOver: false }
  for (;;) {
    let hasBrought = false
    try {
      for await (const event of connection(url, user, options, state, read)) {
        hasBrought = true
        yield event
        if (isLast(event)) return
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      throwUnlessPassing(error, state)
    }
    if (state.isOver) return
    options.onState?.('lost')
    await pause(Math.min(state.retryMs * 2 ** state.failures, MAX_RETRY_MS), options.signal)
    if (!hasBrought && (await isOver?.())) return
    state.failures = Math.min(state.failures + 1, MAX_DOUBLINGS)
  }
}

interface StreamState {
  cursor: string | undefined
  /** What the server said last. */
  retryMs: number
  /** Connections in a row that brought nothing. */
  failures: number
  /** The server has said that there is nothing more. */
  isOver: boolean
}

/** A connection broke off, or was silent for too long: another may do better. */
class Broken extends Error {}

function throwUnlessPassing(error: unknown, state: StreamState): void {
  if (!isRetryable(error) && !(error instanceof Broken)) throw error
  if (error instanceof SillyChatError) state.retryMs = error.retryAfterMs ?? state.retryMs
}

/** The events of one connection. */
async function* connection<Event>(
  url: string,
  user: string,
  { silenceMs = SILENCE_MS, signal, onState, ...options }: FollowOptions,
  state: StreamState,
  read: (event: EventSourceMessage) => Event | undefined
): AsyncGenerator<Event, void, undefined> {
  const abort = new AbortController()
  const stop = () => abort.abort(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted) stop()
  // Only while something is waited for: whoever takes the events may take their time.
  const waitFor = async <Result>(work: Promise<Result>): Promise<Result> => {
    const silence = setTimeout(() => abort.abort(new Broken('the stream was silent')), silenceMs)
    return work.finally(() => clearTimeout(silence))
  }
  try {
    const headers = state.cursor === undefined ? {} : { 'last-event-id': state.cursor }
    const response = await waitFor(send(url, { ...options, user, headers, signal: abort.signal }))
    state.isOver = response.status === 204
    if (state.isOver) return
    if (!/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) throw unexpected(response)
    onState?.('open')
    const events: EventSourceMessage[] = []
    const parser = createParser({
      onEvent: (event) => void events.push(event),
      onRetry: (interval) => {
        state.retryMs = interval
      }
    })
    const texts = textOf(response)
    for (let text = await waitFor(texts.next()); !text.done; text = await waitFor(texts.next())) {
      parser.feed(text.value)
      for (const event of events.splice(0)) {
        const found = read(event)
        if (found === undefined) continue
        state.cursor = event.id ?? state.cursor
        state.failures = 0
        yield found
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    abort.abort()
  }
}

async function* textOf(response: Response): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  for (;;) {
    const chunk = await reader?.read().catch((cause: unknown) => {
      throw new Broken('the stream broke off', { cause })
    })
    if (chunk?.value === undefined) return
    yield decoder.decode(chunk.value, { stream: true })
  }
}
