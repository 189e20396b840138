/** The events of one flush of a channel, encoded once for all of its readers. */
import { isJoin, type JoinEvent, type Logged, type LoggedEvent } from '../chat/events.ts'
import { CHUNK_END, chunkStart } from './chunked.ts'
import { memberFrame } from './frames.ts'

const NOTHING = Buffer.alloc(0)

export class Batch {
  readonly events: readonly LoggedEvent[]
  readonly joins: readonly Logged<JoinEvent>[]
  /** The id of the newest event. */
  readonly last: number
  /** The frames of what all members see as one chunk. The frame of `#ids[i]` ends at the offset `#ends[i]`. */
  readonly #chunk: Buffer
  readonly #ids: number[] = []
  readonly #ends: number[] = []
  /** The offset of the first frame in the chunk. */
  readonly #start: number
  /** The frames without the chunk around them; made for the first HTTP/1.0 reader. */
  #unframed: Buffer | undefined

  constructor(events: readonly LoggedEvent[]) {
    this.events = events
    this.joins = events.filter(isJoin)
    this.last = events.at(-1)?.id ?? 0
    let text = ''
    const lengths: number[] = []
    let length = 0
    for (const event of events) {
      const frame = memberFrame(event)
      if (frame === '') continue
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

  /** The number of frames with an id above `id`. */
  countAfter(id: number): number {
    const first = this.#firstAfter(id)
    return first === -1 ? 0 : this.#ids.length - first
  }

  /** The frames with an id above `id` as one chunk (HTTP/1.1): bytes that all readers share. */
  chunkAfter(id: number): Buffer {
    const first = this.#firstAfter(id)
    if (first === -1) return NOTHING
    // Nearly every reader has all earlier events, and shares the bytes with the others.
    if (first === 0) return this.#chunk
    const rest = this.#chunk.subarray(this.#ends[first - 1])
    return Buffer.concat([Buffer.from(chunkStart(rest.length - CHUNK_END.length)), rest])
  }

  /** The frames with an id above `id` without a chunk around them (HTTP/1.0). */
  framesAfter(id: number): Buffer {
    const first = this.#firstAfter(id)
    if (first === -1) return NOTHING
    this.#unframed ??= this.#chunk.subarray(this.#start, -CHUNK_END.length)
    return first === 0 ? this.#unframed : this.#chunk.subarray(this.#ends[first - 1], -CHUNK_END.length)
  }

  #firstAfter(id: number): number {
    return this.#ids.findIndex((one) => one > id)
  }
}
