/** The events of one flush, encoded once for all who read them. */
import type { LoggedEvent, LoggedJoinEvent } from '../chat/events.ts'
import { messageFrame } from '../wire/sse-format.ts'
import { CHUNK_END, chunkStart } from './chunked.ts'

const NOTHING = Buffer.alloc(0)

export class Batch {
  readonly events: readonly LoggedEvent[]
  readonly joins: readonly LoggedJoinEvent[]
  /** The id of the newest event. */
  readonly last: number
  /** The frames of all messages as one chunk; `#ends[i]` is where in it the frame of `#ids[i]` ends. */
  readonly #chunk: Buffer
  readonly #ids: number[] = []
  readonly #ends: number[] = []
  /** Where in the chunk the first frame begins. */
  readonly #start: number
  /** The frames without the chunk around them, once somebody has asked for them. */
  #unframed: Buffer | undefined

  constructor(events: readonly LoggedEvent[]) {
    this.events = events
    this.joins = events.filter((event) => event.type !== 'message')
    this.last = events.at(-1)?.id ?? 0
    let text = ''
    const lengths: number[] = []
    let length = 0
    for (const event of events) {
      if (event.type !== 'message') continue
      const frame = messageFrame(event.id, event.json)
      text += frame
      length += Buffer.byteLength(frame)
      this.#ids.push(event.id)
      lengths.push(length)
    }
    const start = chunkStart(length)
    this.#start = start.length
    this.#ends = lengths.map((end) => start.length + end)
    this.#chunk = length === 0 ? NOTHING : Buffer.from(start + text + CHUNK_END)
  }

  /** How many messages there are after the event `level`. */
  countAfter(level: number): number {
    const first = this.#firstAfter(level)
    return first === -1 ? 0 : this.#ids.length - first
  }

  /** The messages after the event `level` as one chunk (HTTP/1.1): bytes that all readers share. */
  chunkAfter(level: number): Buffer {
    const first = this.#firstAfter(level)
    if (first === -1) return NOTHING
    // Nearly every reader is here: it gets the bytes themselves, not a view of its own.
    if (first === 0) return this.#chunk
    const rest = this.#chunk.subarray(this.#ends[first - 1])
    return Buffer.concat([Buffer.from(chunkStart(rest.length - CHUNK_END.length)), rest])
  }

  /** The messages after the event `level` without a chunk around them (HTTP/1.0). */
  messagesAfter(level: number): Buffer {
    const first = this.#firstAfter(level)
    if (first === -1) return NOTHING
    this.#unframed ??= this.#chunk.subarray(this.#start, -CHUNK_END.length)
    return first === 0 ? this.#unframed : this.#chunk.subarray(this.#ends[first - 1], -CHUNK_END.length)
  }

  #firstAfter(level: number): number {
    return this.#ids.findIndex((id) => id > level)
  }
}
