/**
 * The live stream of one member: catch up, then live.
 *
 * The seam. The channel is watched before anything is read. While this stream catches up it keeps nothing that is
 * told; it reads the log, paced by its reader, until it is level with the newest event the channel was told of, and
 * goes live in the same turn. From then on `#sentUpTo`, the newest id it has sent or may skip, decides what of a batch
 * is new to it, so nothing is lost or doubled however the two meet.
 *
 * The removal. Who loses the right to read is told of nothing with a higher id than that of the event which says so. Each
 * page of the log is read no further than to a moment at which the right was there; what is live after the last such
 * moment holds every removal.
 */
import { endingOf, isEnded, type JoinRequest, pendingRequests, roleOf } from '../chat/door.ts'
import type { LoggedEvent, LoggedJoinEvent } from '../chat/events.ts'
import { digestOf, type UserDigest, type UserId } from '../chat/ids.ts'
import type { LoadedChat } from '../chat/store.ts'
import { frame, messageFrame } from '../wire/sse-format.ts'
import type { Base } from '../wire/urls.ts'
import { joinRequestView } from '../wire/views.ts'
import type { Batch } from './batch.ts'
import type { ChatSource } from './chat-source.ts'
import { EventStream, type Sink } from './event-stream.ts'
import { StreamStats } from './stats.ts'

/** How much is read from the log before the reader must have taken it. */
const REPLAY_PAGE_BYTES = 64 * 1024

export interface ChatReader {
  readonly user: UserId
  readonly base: Base
  /** Whether its connection speaks HTTP/1.1, which knows chunks. */
  readonly isChunked: boolean
  /** As the client sent it; undefined for none. */
  readonly cursor: string | undefined
}

export class ChatStream extends EventStream {
  readonly #base: Base
  /** Undefined for the owner, who cannot be removed. */
  #member: UserDigest | undefined
  #isLive = false
  #wasReset = false
  #sentUpTo = 0

  constructor(
    socket: Sink,
    maxBufferBytes: number,
    { base, isChunked }: Pick<ChatReader, 'base' | 'isChunked'>,
    stats = new StreamStats()
  ) {
    super(socket, maxBufferBytes, isChunked, stats)
    this.#base = base
  }

  override get kind(): 'chat' {
    return 'chat'
  }

  override deliver(batch: Batch): void {
    if (!this.#isLive || batch.last <= this.#sentUpTo || this.isOver) return
    const removal = batch.joins.find((event) => this.#isRemoval(event))
    if (this.#member === undefined ? batch.joins.length > 0 : removal !== undefined) {
      const fresh = batch.events.filter(({ id }) => id > this.#sentUpTo && id <= (removal?.id ?? id))
      this.writeLive(this.framed(this.#frames(fresh)))
    } else {
      this.stats.deliveries += batch.countAfter(this.#sentUpTo)
      this.writeLive(this.isChunked ? batch.chunkAfter(this.#sentUpTo) : batch.messagesAfter(this.#sentUpTo))
    }
    this.#sentUpTo = batch.last
    if (removal !== undefined) this.#close(reasonOf(removal.request))
  }

  override gone(): void {
    this.#close('chat_closed')
  }

  async catchUp(source: ChatSource, { user, cursor }: ChatReader): Promise<void> {
    const digest = digestOf(user)
    if (cursor !== undefined) {
      this.#sentUpTo = /^\d{1,15}$/.test(cursor) ? Number(cursor) : -1
      if ((await this.#replay(source, digest, () => this.write(this.#ready()))) === 'done') return
    }
    await this.#begin(source, digest, cursor !== undefined)
  }

  /** While this stream catches up it looks again before it goes live. */
  override async reset(source: ChatSource): Promise<void> {
    this.#wasReset = true
    if (!this.#isLive) return
    this.#isLive = false
    const user = this.#member ?? (await source.load())?.door.owner
    if (user === undefined) this.gone()
    else await this.#begin(source, user, true)
  }

  /** Begins with what is from now on; `isReset`: what its reader has cannot be continued. */
  async #begin(source: ChatSource, user: UserDigest, isReset: boolean): Promise<void> {
    // Again if more happens meanwhile than the log keeps.
    for (let lost = isReset; ; lost = true) {
      this.#wasReset = false
      const chat = await this.#loadForReading(source, user)
      if (chat === undefined) return
      if (this.#wasReset) continue
      if (lost) this.write(this.#reset(chat.lastEventId))
      this.#sentUpTo = chat.lastEventId
      this.write((this.#member === undefined ? this.#waiting(chat) : '') + this.#ready())
      this.#isLive = source.newest <= this.#sentUpTo
      if (this.#isLive || (await this.#replay(source, user, () => {})) === 'done') return
    }
  }

  /** The chat, if its reader may read it now; otherwise this stream is over. */
  async #loadForReading(source: ChatSource, user: UserDigest): Promise<LoadedChat | undefined> {
    const chat = await source.load()
    if (chat === undefined) {
      this.gone()
      return undefined
    }
    const request = chat.door.requests.get(user)
    const role = roleOf(chat.door, user)
    if (role === undefined) {
      this.#close(reasonOf(request))
      return undefined
    }
    // The door's own copy of the digest, so that many streams do not keep one each.
    this.#member = role === 'owner' ? undefined : request?.guest
    return chat
  }

  /** Sends what comes after `#sentUpTo` and goes live, or ends; `onLevel` is called when it goes live. */
  async #replay(source: ChatSource, user: UserDigest, onLevel: () => void): Promise<'done' | 'cursor-unknown'> {
    while (!this.isOver) {
      this.#wasReset = false
      const chat = await this.#loadForReading(source, user)
      if (chat === undefined) break
      const allJoins = this.#member === undefined
      const page = { maxBytes: REPLAY_PAGE_BYTES, allJoins, upTo: chat.lastEventId }
      const events = await source.events(this.#sentUpTo, page)
      if (events === 'cursor-unknown') return events
      if (events === 'gone') {
        this.gone()
        break
      }
      this.write(this.#frames(events))
      this.#sentUpTo = events.at(-1)?.id ?? chat.lastEventId
      if (this.#sentUpTo === chat.lastEventId && source.newest <= this.#sentUpTo && !this.#wasReset) {
        onLevel()
        this.#isLive = true
        break
      }
      await this.roomForMore()
    }
    return 'done'
  }

  /** Join events are for the owner alone. */
  #frames(events: readonly LoggedEvent[]): string {
    const shown = this.#member === undefined ? events : events.filter(({ type }) => type === 'message')
    this.stats.deliveries += shown.length
    return shown
      .map((event) =>
        event.type === 'message'
          ? messageFrame(event.id, event.json)
          : frame({ event: event.type, id: event.id, data: joinRequestView(this.#base, event.request) })
      )
      .join('')
  }

  #isRemoval({ id, request }: LoggedJoinEvent): boolean {
    return request.guest === this.#member && id > this.#sentUpTo && isEnded(request)
  }

  /** The last that its reader hears; a later call finds it over. */
  #close(reason: 'removed' | 'left' | 'chat_closed'): void {
    this.#isLive = false
    this.write(frame({ event: 'closed', data: { reason } }))
    this.end()
  }

  /** Repeats of what is still pending, without ids: a request made while the owner was away is never missed. */
  #waiting({ door }: LoadedChat): string {
    return pendingRequests(door)
      .map((request) => frame({ event: 'join_request', data: joinRequestView(this.#base, request) }))
      .join('')
  }

  #reset(lastEventId: number): string {
    this.stats.resets++
    return frame({ event: 'reset', data: { reason: 'The event id is not in the log.', last_event_id: lastEventId } })
  }

  #ready(): string {
    return frame({ event: 'ready', id: this.#sentUpTo, data: { last_event_id: this.#sentUpTo } })
  }
}

function reasonOf(request: JoinRequest | undefined): 'removed' | 'left' {
  return request !== undefined && isEnded(request) && endingOf(request) === 'left' ? 'left' : 'removed'
}
