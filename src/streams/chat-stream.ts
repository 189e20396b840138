/**
 * The live stream of one member: catch up, then live.
 *
 * The seam. The channel is watched before anything is read. While this stream catches up it keeps nothing that is
 * told; it reads the log, paced by its reader, until it is level with the newest event the channel was told of, and
 * goes live in the same turn. From then on `#level`, the newest id it has sent or may skip, decides what of a batch
 * is new to it, so nothing is lost or doubled however the two meet.
 */
import { pendingRequests, roleOf } from '../chat/door.ts'
import type { LoggedEvent } from '../chat/events.ts'
import { digestOf, type UserId } from '../ids.ts'
import type { LoadedChat } from '../store/store.ts'
import type { Base } from '../urls.ts'
import { joinRequestView } from '../views.ts'
import type { Batch } from './batch.ts'
import type { ChatSource } from './chat-source.ts'
import { EventStream, type Sink } from './event-stream.ts'
import { frame, messageFrame } from './sse-format.ts'

/** How much is read from the log before the reader must have taken it. */
const REPLAY_PAGE_BYTES = 64 * 1024

export interface ChatReader {
  readonly user: UserId
  readonly base: Base
  /** As the client sent it; undefined for none. */
  readonly cursor: string | undefined
}

export class ChatStream extends EventStream {
  readonly #base: Base
  #isOwner = false
  #isLive = false
  #level = 0

  constructor(socket: Sink, maxBufferBytes: number, base: Base) {
    super(socket, maxBufferBytes)
    this.#base = base
  }

  override deliver(batch: Batch): void {
    if (!this.#isLive || batch.last <= this.#level) return
    const bytes =
      this.#isOwner && batch.joins.length > 0
        ? Buffer.from(this.#frames(batch.events.filter(({ id }) => id > this.#level)))
        : batch.messagesAfter(this.#level)
    this.#level = batch.last
    if (bytes.length > 0) this.writeLive(bytes)
  }

  async catchUp(source: ChatSource, { user, cursor }: ChatReader): Promise<void> {
    const chat = await source.load()
    const role = chat && roleOf(chat.door, digestOf(user))
    if (chat === undefined || role === undefined) return this.end()
    this.#isOwner = role === 'owner'

    if (cursor !== undefined) {
      this.#level = /^\d{1,15}$/.test(cursor) ? Number(cursor) : -1
      const outcome = await this.#replay(source, () => this.write(this.#ready()))
      if (outcome !== 'cursor-unknown') return
      const data = { reason: 'The event id is not in the log.', last_event_id: chat.lastEventId }
      this.write(frame({ event: 'reset', data }))
    }
    this.#level = chat.lastEventId
    this.write((this.#isOwner ? this.#waiting(chat) : '') + this.#ready())
    await this.#replay(source, () => {})
  }

  /** Sends what comes after `#level` and goes live; `onLevel` is called at that very moment. */
  async #replay(source: ChatSource, onLevel: () => void): Promise<'cursor-unknown' | undefined> {
    while (!this.isOver) {
      const events = await source.events(this.#level, REPLAY_PAGE_BYTES)
      if (events === 'cursor-unknown') return events
      if (events === 'gone') {
        this.end()
        return undefined
      }
      const last = events.at(-1)
      if (last === undefined && source.newest <= this.#level) {
        onLevel()
        this.#isLive = true
        return undefined
      }
      if (last !== undefined) {
        this.write(this.#frames(events))
        this.#level = last.id
      }
      await this.roomForMore()
    }
    return undefined
  }

  /** Join events are for the owner alone. */
  #frames(events: readonly LoggedEvent[]): string {
    let frames = ''
    for (const event of events) {
      if (event.type === 'message') frames += messageFrame(event.id, event.json)
      else if (this.#isOwner) {
        frames += frame({ event: event.type, id: event.id, data: joinRequestView(this.#base, event.request) })
      }
    }
    return frames
  }

  /** Repeats of what is still pending, without ids: a request made while the owner was away is never missed. */
  #waiting({ door }: LoadedChat): string {
    return pendingRequests(door)
      .map((request) => frame({ event: 'join_request', data: joinRequestView(this.#base, request) }))
      .join('')
  }

  #ready(): string {
    return frame({ event: 'ready', id: this.#level, data: { last_event_id: this.#level } })
  }
}
