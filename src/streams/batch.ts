/** The events of one flush, encoded once for all who read them. */
import type { LoggedEvent, LoggedJoinEvent } from '../chat/events.ts'
import { messageFrame } from './sse-format.ts'

const NOTHING = Buffer.alloc(0)

export class Batch {
  readonly events: readonly LoggedEvent[]
  readonly joins: readonly LoggedJoinEvent[]
  /** The id of the newest event. */
  readonly last: number
  /** The frames of the messages, one after the other; `#ends[i]` is where that of `#ids[i]` ends. */
  readonly #frames: Buffer
  readonly #ids: number[] = []
  readonly #ends: number[] = []

  constructor(events: readonly LoggedEvent[]) {
    this.events = events
    this.joins = events.filter((event) => event.type !== 'message')
    this.last = events.at(-1)?.id ?? 0
    let text = ''
    let end = 0
    for (const event of events) {
      if (event.type !== 'message') continue
      const frame = messageFrame(event.id, event.json)
      text += frame
      end += Buffer.byteLength(frame)
      this.#ids.push(event.id)
      this.#ends.push(end)
    }
    this.#frames = Buffer.from(text)
  }

  /** How many messages there are after the event `level`. */
  countAfter(level: number): number {
    const first = this.#ids.findIndex((id) => id > level)
    return first === -1 ? 0 : this.#ids.length - first
  }

  /** The frames of the messages after the event `level`: bytes that all readers share. */
  messagesAfter(level: number): Buffer {
    const first = this.#ids.findIndex((id) => id > level)
    if (first === -1) return NOTHING
    // Nearly every reader is here: it gets the bytes themselves, not a view of its own.
    if (first === 0) return this.#frames
    return this.#frames.subarray(this.#ends[first - 1])
  }
}
