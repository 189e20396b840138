/** Records what an EventSource in Node or in a browser receives. */
import { EventSource } from 'eventsource'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { Growing } from './growing.ts'

/** The names of all events in all streams. */
export const EVENT_NAMES = [
  'message',
  'ready',
  'reset',
  'closed',
  'join_request',
  'join_approved',
  'join_declined',
  'join_closed',
  'approval'
]

/** An event of an EventSource. */
export const fired = z.object({
  type: z.string(),
  id: z.string().optional(),
  data: z.string().optional(),
  readyState: z.int()
})

const CLOSED = 2

const message = z.object({ id: z.int(), text: z.string() })

export class Follower {
  /** All events except messages, as received: `[name, id]`. */
  readonly events: [string, string | undefined][] = []
  /** All messages, as received: `[id of the event, id of the message, text]`. */
  readonly messages: [string | undefined, number, string][] = []
  /** How often it connected. */
  opened = 0
  /** How often a connection was lost or failed. */
  failed = 0
  /** Whether it no longer reconnects. */
  isClosed = false
  readonly #received = new Growing()

  receive({ type, id, data = '', readyState }: z.infer<typeof fired>): void {
    if (type === 'open') this.opened++
    else if (type === 'error') this.failed++
    else if (type === 'message') {
      const { id: messageId, text } = message.parse(JSON.parse(data))
      this.messages.push([id, messageId, text])
    } else this.events.push([type, id])
    this.isClosed = readyState === CLOSED
    this.#received.grow()
  }

  until(holds: (self: this) => boolean, message = `${holds}`): Promise<void> {
    return this.#received.until(() => holds(this), message)
  }

  hasText(wanted: string): Promise<void> {
    return this.until(() => this.messages.some(([, , text]) => text === wanted), `"${wanted}" is received`)
  }
}

/** Follows a stream with npm's `eventsource`. The user id is sent in a header. */
export function followInNode(url: string, user?: string): Follower {
  const follower = new Follower()
  const identity = user === undefined ? {} : { authorization: `Bearer ${user}` }
  const source = new EventSource(url, {
    fetch: (target, init) => fetch(target, { ...init, headers: { ...init.headers, ...identity } })
  })
  onTestFinished(() => source.close())
  for (const type of ['open', 'error', ...EVENT_NAMES]) {
    source.addEventListener(type, ({ data, lastEventId: id }) =>
      follower.receive(fired.parse({ type, id, data, readyState: source.readyState }))
    )
  }
  return follower
}
