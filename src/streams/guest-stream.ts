/** The live stream of one guest: the state of their join request, at once and whenever it changes. */
import { type Door, isFinal, type JoinRequest } from '../chat/door.ts'
import { isJoin } from '../chat/events.ts'
import { digestOf, type UserDigest } from '../chat/ids.ts'
import type { Doorstep } from '../chat/service.ts'
import { frame } from '../wire/sse-format.ts'
import { approvalEventView } from '../wire/views.ts'
import type { Batch } from './batch.ts'
import { EventStream, type Reader, type Sink } from './event-stream.ts'
import type { ChatSource } from './follower.ts'
import { StreamStats } from './stats.ts'

export interface GuestReader extends Reader, Doorstep {}

interface InformedReader extends GuestReader {
  /** Must not reject. */
  readonly isOwnerPresent: () => Promise<boolean>
}

export class GuestStream extends EventStream {
  readonly #reader: InformedReader
  readonly #guest: UserDigest
  /** The latest state that was sent or is being sent. */
  #sent: JoinRequest['state'] | undefined
  /** Resolves when everything so far has been written. */
  #written = Promise.resolve()
  #title: string | null

  constructor(socket: Sink, maxBufferBytes: number, reader: InformedReader, stats = new StreamStats()) {
    super(socket, maxBufferBytes, reader.isChunked, stats)
    this.#reader = reader
    this.#title = reader.title
    this.#guest = digestOf(reader.user)
  }

  override get kind(): 'guest' {
    return 'guest'
  }

  override deliver(batch: Batch): void {
    for (const event of batch.events) {
      if (event.type === 'chat') this.#title = event.profile.title
      else if (isJoin(event) && event.request.guest === this.#guest) this.#send(event.request)
    }
  }

  override async reset(source: ChatSource): Promise<void> {
    const request = await this.#ownRequest(source)
    if (request === undefined) this.end()
    else this.#send(request)
  }

  /** Ends it after what is being sent. */
  override end(): void {
    void this.#written.then(() => super.end())
  }

  /** A reconnect gets the reason. */
  override chatRemoved(): void {
    this.end()
  }

  /** Sends the present state, unless a change was delivered meanwhile, which is newer. */
  async begin(source: ChatSource): Promise<void> {
    const request = await this.#ownRequest(source)
    if (request === undefined) this.end()
    else if (this.#sent === undefined) this.#send(request)
  }

  async #ownRequest(source: ChatSource): Promise<JoinRequest | undefined> {
    const door: Door | undefined = (await source.load())?.door
    if (door !== undefined) this.#title = door.profile.title
    return door?.requests.get(this.#guest)
  }

  /** Sends nothing after a final state, which ends the stream. */
  #send(request: JoinRequest): void {
    if (this.isOver || (this.#sent !== undefined && (this.#sent !== 'pending' || request.state === 'pending'))) return
    this.#sent = request.state
    const title = this.#title
    this.#written = this.#written.then(() => this.#write(request, title))
    if (isFinal(request)) this.end()
  }

  async #write(request: JoinRequest, title: string | null): Promise<void> {
    const isOwnerPresent = await this.#reader.isOwnerPresent()
    if (this.isOver) return
    const { base, chat, link, user: client } = this.#reader
    const data = approvalEventView(base, { chat, link, client, request, title }, isOwnerPresent)
    this.stats.deliveries++
    this.writeLive(this.framed(frame({ event: 'approval', id: request.state, data })))
  }
}
