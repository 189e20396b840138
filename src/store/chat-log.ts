/** The log of one chat in memory: an append-only run of message JSON that readers are given slices of. */
import type { JoinEvent, LoggedEvent, LoggedJoinEvent, LoggedMessage } from '../chat/events.ts'
import type { MessagePage, NewMessage } from './store.ts'

const COMMA = 0x2c
const NOTHING = Buffer.alloc(0)
const FIRST_CAPACITY = 256
/** About what a join event takes on the wire. */
const JOIN_BYTES = 512

export class ChatLog {
  /** `#ends[id]` is where the run ended once event `id` was logged: a join event adds nothing to the run. */
  readonly #ends: number[] = [0]
  readonly #joins = new Map<number, LoggedJoinEvent>()
  /** Every message's JSON followed by a comma. Bytes once written are never changed, so slices can be lent out. */
  #run: Buffer = NOTHING

  get lastEventId(): number {
    return this.#ends.length - 1
  }

  /** What the messages take, in bytes. */
  get messageBytes(): number {
    return this.#end(this.lastEventId)
  }

  addJoin(event: JoinEvent): LoggedJoinEvent {
    const logged = { ...event, id: this.lastEventId + 1 }
    this.#joins.set(logged.id, logged)
    this.#ends.push(this.messageBytes)
    return logged
  }

  /** Logs a message, if all messages then take no more than `maxBytes`. */
  addMessage({ text, createdAt }: NewMessage, maxBytes: number): LoggedMessage | undefined {
    const id = this.lastEventId + 1
    const json = JSON.stringify({ id, text, created_at: new Date(createdAt).toISOString() })
    const start = this.messageBytes
    const end = start + Buffer.byteLength(json) + 1
    if (end > maxBytes) return undefined
    this.#reserve(end)
    this.#run.write(json, start)
    this.#run[end - 1] = COMMA
    this.#ends.push(end)
    return { type: 'message', id, json }
  }

  /** `undefined` if `after` is not an event of this log. */
  eventsAfter(after: number, maxBytes: number): LoggedEvent[] | undefined {
    if (!this.#knows(after)) return undefined
    const events: LoggedEvent[] = []
    let size = 0
    for (let id = after + 1; id <= this.lastEventId; id++) {
      const join = this.#joins.get(id)
      size += join === undefined ? this.#end(id) - this.#end(id - 1) : JOIN_BYTES
      if (events.length > 0 && size > maxBytes) break
      events.push(join ?? { type: 'message', id, json: this.messageJson(id) })
    }
    return events
  }

  /** `undefined` if `after` is not an event of this log. */
  messagesAfter(after: number, limit: number): MessagePage | undefined {
    if (!this.#knows(after)) return undefined
    const start = this.#end(after)
    let upTo = limit >= this.lastEventId - after ? this.lastEventId : after
    let count = 0
    while (count < limit && upTo < this.lastEventId) {
      upTo++
      if (!this.#joins.has(upTo)) count++
    }
    const end = this.#end(upTo)
    const hasMore = end < this.messageBytes
    return {
      json: this.#run.subarray(start, Math.max(start, end - 1)),
      upTo: hasMore ? upTo : this.lastEventId,
      hasMore
    }
  }

  #knows(id: number): boolean {
    return Number.isInteger(id) && id >= 0 && id <= this.lastEventId
  }

  #end(id: number): number {
    return this.#ends[id] ?? 0
  }

  messageJson(id: number): string {
    return this.#run.toString('utf8', this.#end(id - 1), this.#end(id) - 1)
  }

  /** Grows by a quarter: what it wastes stays small, and slices lent out keep the old run alive while they need it. */
  #reserve(size: number): void {
    if (size <= this.#run.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(size, FIRST_CAPACITY, Math.ceil(this.#run.length * 1.25)))
    this.#run.copy(grown, 0, 0, this.messageBytes)
    this.#run = grown
  }
}
