/** What an EventSource, in Node or in a browser, has received. */
import { EventSource } from 'eventsource'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { Growing } from './growing.ts'

/** The names of all events of all streams. */
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

/** What an EventSource fires. */
export const fired = z.object({
  type: z.string(),
  id: z.string().optional(),
  data: z.string().optional(),
  readyState: z.int()
})

const CLOSED = 2

const message = z.object({ id: z.int(), text: z.string() })

export class Follower {
  /** The events but for messages, each as often and in the order in which it came: `[name, id]`. */
  readonly events: [string, string | undefined][] = []
  /** The messages likewise: `[id of the event, id of the message, text]`. */
  readonly messages: [string | undefined, number, string][] = []
  /** How often it was connected. */
  opened = 0
  /** How often a connection was lost, or could not be made. */
  failed = 0
  /** Whether it has given up for good. */
  isClosed = false
  readonly #received = new Growing()

  tell({ type, id, data = '', readyState }: z.infer<typeof fired>): void {
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
    return this.until(() => this.messages.some(([, , text]) => text === wanted), `"${wanted}" has come`)
  }
}

/** Follows with npm's `eventsource`. A user is sent in the header. */
export function followInNode(url: string, user?: string): Follower {
  const follower = new Follower()
  const identity = user === undefined ? {} : { authorization: `Bearer ${user}` }
  const source = new EventSource(url, {
    fetch: (target, init) => fetch(target, { ...init, headers: { ...init.headers, ...identity } })
  })
  onTestFinished(() => source.close())
  for (const type of ['open', 'error', ...EVENT_NAMES]) {
    source.addEventListener(type, ({ data, lastEventId: id }) =>
      follower.tell(fired.parse({ type, id, data, readyState: source.readyState }))
    )
  }
  return follower
}
