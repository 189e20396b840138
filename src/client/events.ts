/** A live stream that reconnects by itself: it yields every event once and in order, however often the connection breaks. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { isRetryable, SillyChatError } from './errors.ts'
import { type ClientOptions, pause, send, unexpected } from './http.ts'

/** Longer than the server's heartbeat: a connection that is silent for this long is dead. */
const SILENCE_MS = 60_000
/** Used until the server has sent a `retry` field. */
const RETRY_MS = 2000
const MAX_RETRY_MS = 30_000
const MAX_DOUBLINGS = 5

export interface FollowOptions extends ClientOptions {
  /** After how much silence a connection counts as dead, in milliseconds; must be longer than the heartbeat. */
  readonly silenceMs?: number | undefined
  /** Called when a connection is open, and when it is lost and the client is going to reconnect. */
  readonly onState?: ((state: 'open' | 'lost') => void) | undefined
}

/** How to read one kind of stream. */
export interface StreamFormat<Event> {
  /** The id of the last known event: the stream resumes after it. */
  readonly cursor?: string | undefined
  /**
   * Parses an event. Returns undefined for an event of another sender, such as one that a proxy adds: it is skipped, and
   * its id does not become the cursor.
   */
  readonly read: (event: EventSourceMessage) => Event | undefined
  /** Whether this is the last event of the stream. */
  readonly isLast: (event: Event) => boolean
  /** Called after a connection without any event: whether there is nothing left to wait for. */
  readonly isOver?: (() => Promise<boolean>) | undefined
}

/**
 * Yields the events of a stream and reconnects as often as necessary. Ends when the server answers 204 (no more events
 * will come), or after an event for which `isLast` is true.
 * @throws SillyChatError if the server refuses the stream and a retry cannot help
 * @throws RequestError if the answer is not an event stream
 * @throws the signal's reason once it is aborted
 */
export async function* follow<Event>(
  url: string,
  user: string,
  options: FollowOptions,
  { cursor, read, isLast, isOver }: StreamFormat<Event>
): AsyncGenerator<Event, void, undefined> {
  const state: StreamState = { cursor, retryMs: RETRY_MS, failures: 0, isOver: false }
  for (;;) {
    let hasReceived = false
    try {
      for await (const event of connection(url, user, options, state, read)) {
        hasReceived = true
        yield event
        if (isLast(event)) return
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      throwUnlessRetryable(error, state)
    }
    if (state.isOver) return
    options.onState?.('lost')
    await pause(Math.min(state.retryMs * 2 ** state.failures, MAX_RETRY_MS), options.signal)
    if (!hasReceived && (await isOver?.())) return
    state.failures = Math.min(state.failures + 1, MAX_DOUBLINGS)
  }
}

interface StreamState {
  cursor: string | undefined
  /** The latest reconnection time from the server. */
  retryMs: number
  /** Consecutive connections without an event. */
  failures: number
  /** The server has answered 204: no more events will come. */
  isOver: boolean
}

/** A connection broke or was silent for too long: reconnect. */
class ConnectionLost extends Error {}

function throwUnlessRetryable(error: unknown, state: StreamState): void {
  if (!isRetryable(error) && !(error instanceof ConnectionLost)) throw error
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
  // The timeout runs only during a read: the consumer of the events can take its time.
  const waitFor = async <Result>(work: Promise<Result>): Promise<Result> => {
    const silence = setTimeout(() => abort.abort(new ConnectionLost('the stream was silent')), silenceMs)
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
        const parsed = read(event)
        if (parsed === undefined) continue
        state.cursor = event.id ?? state.cursor
        state.failures = 0
        yield parsed
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
      throw new ConnectionLost('the stream broke off', { cause })
    })
    if (chunk?.value === undefined) return
    yield decoder.decode(chunk.value, { stream: true })
  }
}
