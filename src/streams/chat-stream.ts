/**
 * The live stream of one member of a chat. It is in one of three states:
 *
 *     catching up ──▶ live          it has sent everything that its channel was notified of
 *     live ──▶ catching up          the channel is reset
 *     either ──▶ over (`isOver`)    no longer a member, chat removed, reader too slow, connection closed
 *
 * No event lost, none twice. The channel is subscribed to before anything is read. While the stream is catching up it
 * ignores what is delivered and reads the log, as fast as its reader takes it; when it has sent the newest event that the
 * channel was notified of, it goes live in the same turn. From then on `#sentUpTo` decides what of a batch is new.
 *
 * Nothing after a removal. A member who is removed gets no event with an id above that of the removal. Each page of the
 * log ends at a point where the reader was a member, and every later removal is in what is delivered live.
 */
import { endingOf, isEnded, type JoinRequest, pendingRequests, senderOf } from '../chat/door.ts'
import type { JoinEvent, Logged, LoggedEvent } from '../chat/events.ts'
import { digestOf, type UserDigest } from '../chat/ids.ts'
import type { LoadedChat } from '../chat/store.ts'
import { frame } from '../wire/sse-format.ts'
import type { Base } from '../wire/urls.ts'
import { joinRequestView } from '../wire/views.ts'
import type { Batch } from './batch.ts'
import { EventStream, type Reader, type Sink } from './event-stream.ts'
import type { ChatSource } from './follower.ts'
import { memberFrame, ownerFrame } from './frames.ts'
import { StreamStats } from './stats.ts'

/** Read from the log before the reader must have taken it. */
const REPLAY_PAGE_BYTES = 64 * 1024

export interface ChatReader extends Reader {
  readonly isOwner: boolean
  /** As the client sent it; undefined for none. */
  readonly cursor: string | undefined
}

/** Where a stream begins: after `#sentUpTo`, now, or now and with a `reset`, because its reader cannot continue. */
type Start = 'after-cursor' | 'now' | 'reset'

export class ChatStream extends EventStream {
  readonly #base: Base
  /** Undefined for the owner, who cannot be removed. */
  #member: UserDigest | undefined
  /** `interrupted`: catching up, and the channel was reset after the chat was last loaded. */
  #state: 'catching-up' | 'interrupted' | 'live' = 'catching-up'
  /** The newest event id that was sent or may be skipped. */
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
    if (this.#state !== 'live' || this.isOver || batch.last <= this.#sentUpTo) return
    const removal = batch.joins.find((event) => this.#isRemoval(event))
    if (this.#member === undefined ? batch.joins.length > 0 : removal !== undefined) {
      const fresh = batch.events.filter(({ id }) => id > this.#sentUpTo && id <= (removal?.id ?? id))
      this.writeLive(this.framed(this.#frames(fresh)))
    } else {
      this.stats.deliveries += batch.countAfter(this.#sentUpTo)
      this.writeLive(this.isChunked ? batch.chunkAfter(this.#sentUpTo) : batch.framesAfter(this.#sentUpTo))
    }
    this.#sentUpTo = batch.last
    if (removal !== undefined) this.#close(reasonOf(removal.request))
  }

  override chatRemoved(): void {
    this.#close('chat_closed')
  }

  override async reset(source: ChatSource): Promise<void> {
    if (this.#state === 'catching-up') this.#state = 'interrupted'
    if (this.#state !== 'live') return
    this.#state = 'catching-up'
    const user = this.#member ?? (await source.load())?.door.owner
    if (user === undefined) this.chatRemoved()
    else await this.#catchUp(source, user, 'reset')
  }

  /** Begins the stream: from the reader's cursor, or from now on if there is none. */
  async begin(source: ChatSource, { user, cursor }: Pick<ChatReader, 'user' | 'cursor'>): Promise<void> {
    if (cursor !== undefined) this.#sentUpTo = /^\d{1,15}$/.test(cursor) ? Number(cursor) : -1
    await this.#catchUp(source, digestOf(user), cursor === undefined ? 'now' : 'after-cursor')
  }

  /** Sends what the reader lacks, page by page, until the stream is live or over. */
  async #catchUp(source: ChatSource, user: UserDigest, from: Start): Promise<void> {
    let start = from
    let isReady = false
    while (!this.isOver) {
      this.#state = 'catching-up'
      const chat = await this.#loadForReading(source, user)
      if (chat === undefined) return
      const next = start === 'after-cursor' ? await this.#sendPage(source, chat) : this.#beginAt(chat, start)
      isReady ||= start !== 'after-cursor' && next === 'after-cursor'
      start = next
      if (start === 'reset') continue
      if (this.#hasCaughtUp(source, chat)) {
        if (!isReady) this.write(this.#ready())
        this.#state = 'live'
        return
      }
      await this.roomForMore()
    }
  }

  /** The chat, if the reader is a member now; otherwise this stream is over. */
  async #loadForReading(source: ChatSource, user: UserDigest): Promise<LoadedChat | undefined> {
    const chat = await source.load()
    if (chat === undefined) {
      this.chatRemoved()
      return undefined
    }
    const request = chat.door.requests.get(user)
    const sender = senderOf(chat.door, user)
    if (sender === undefined) {
      this.#close(reasonOf(request))
      return undefined
    }
    // The door's own copy of the digest, so that many streams do not keep one each.
    this.#member = sender === 'owner' ? undefined : request?.guest
    return chat
  }

  /** Sends the events after `#sentUpTo`, as many as one page holds and none that `chat` does not have yet. */
  async #sendPage(source: ChatSource, chat: LoadedChat): Promise<'after-cursor' | 'reset'> {
    const allJoins = this.#member === undefined
    const page = { maxBytes: REPLAY_PAGE_BYTES, allJoins, upTo: chat.lastEventId }
    const events = await source.events(this.#sentUpTo, page)
    if (events === 'cursor-unknown') return 'reset'
    if (events === 'gone') {
      this.chatRemoved()
      return 'after-cursor'
    }
    this.write(this.#frames(events))
    this.#sentUpTo = events.at(-1)?.id ?? chat.lastEventId
    return 'after-cursor'
  }

  /** Skips everything before now. */
  #beginAt(chat: LoadedChat, start: 'now' | 'reset'): 'after-cursor' | 'reset' {
    if (this.#isInterrupted()) return 'reset'
    if (start === 'reset') this.write(this.#reset(chat.lastEventId))
    this.#sentUpTo = chat.lastEventId
    this.write((this.#member === undefined ? this.#pendingRequests(chat) : '') + this.#ready())
    return 'after-cursor'
  }

  #hasCaughtUp(source: ChatSource, chat: LoadedChat): boolean {
    return !this.#isInterrupted() && this.#sentUpTo === chat.lastEventId && source.newest <= this.#sentUpTo
  }

  /** A method, because TypeScript does not expect the state to change during an `await`. */
  #isInterrupted(): boolean {
    return this.#state === 'interrupted'
  }

  #frames(events: readonly LoggedEvent[]): string {
    const frames = events
      .map((event) => (this.#member === undefined ? ownerFrame(this.#base, event) : memberFrame(event)))
      .filter((text) => text !== '')
    this.stats.deliveries += frames.length
    return frames.join('')
  }

  #isRemoval({ id, request }: Logged<JoinEvent>): boolean {
    return request.guest === this.#member && id > this.#sentUpTo && isEnded(request)
  }

  /** Sends the last event. On a stream that is over it does nothing. */
  #close(reason: 'removed' | 'left' | 'chat_closed'): void {
    this.write(frame({ event: 'closed', data: { reason } }))
    this.end()
  }

  /** Repeats the pending requests, without ids, so that the owner cannot miss one made while they were away. */
  #pendingRequests({ door }: LoadedChat): string {
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
