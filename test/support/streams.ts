/** A reader of live streams over a real socket. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { onTestFinished } from 'vitest'

export interface StreamEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: Record<string, unknown>
}

export interface StreamReader {
  readonly response: Response
  /** The value of `retry:`, in milliseconds. */
  readonly retry: number | undefined
  /** The next event; undefined once the stream has ended. */
  next(): Promise<StreamEvent | undefined>
  /** The next `count` events. */
  take(count: number): Promise<StreamEvent[]>
  /** The events up to and including the first of this name. */
  until(event: string): Promise<StreamEvent[]>
  /** All events to the end of the stream. */
  rest(): Promise<StreamEvent[]>
  close(): void
}

interface Options {
  readonly user: string
  readonly headers?: Record<string, string>
}

export async function openStream(url: string, { user, headers = {} }: Options): Promise<StreamReader> {
  const abort = new AbortController()
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${user}`, ...headers },
    signal: abort.signal
  })
  const events: StreamEvent[] = []
  let retry: number | undefined
  const parser = createParser({
    onEvent: ({ event = 'message', id, data }: EventSourceMessage) =>
      events.push({ event, id, data: JSON.parse(data) }),
    onRetry: (interval) => {
      retry = interval
    }
  })
  const chunks = response.body?.getReader()
  const decoder = new TextDecoder()

  async function next(): Promise<StreamEvent | undefined> {
    while (events.length === 0) {
      const chunk = await chunks?.read()
      if (chunk?.value === undefined) return undefined
      parser.feed(decoder.decode(chunk.value, { stream: true }))
    }
    return events.shift()
  }

  async function until(isLast: (event: StreamEvent, count: number) => boolean): Promise<StreamEvent[]> {
    const taken: StreamEvent[] = []
    for (let event = await next(); event !== undefined; event = await next()) {
      taken.push(event)
      if (isLast(event, taken.length)) return taken
    }
    return taken
  }

  const close = () => abort.abort()
  onTestFinished(close)
  return {
    response,
    get retry() {
      return retry
    },
    next,
    take: (count) => until((_event, taken) => taken === count),
    until: (name) => until(({ event }) => event === name),
    rest: () => until(() => false),
    close
  }
}

/** A stream of a chat that has replayed everything and is live. */
export async function openReady(chat: string, user: string, query = ''): Promise<StreamReader> {
  const stream = await openStream(`${chat}/events${query}`, { user })
  await stream.until('ready')
  return stream
}
