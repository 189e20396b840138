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

export class GuestStream extends EventStream {
  readonly #reader: GuestReader
  readonly #guest: UserDigest
  #sent: JoinRequest['state'] | undefined
  #title: string | null

  constructor(socket: Sink, maxBufferBytes: number, reader: GuestReader, stats = new StreamStats()) {
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

  #send(request: JoinRequest): void {
    if (this.isOver || request.state === this.#sent) return
    this.#sent = request.state
    const { base, chat, link, user: client } = this.#reader
    const data = approvalEventView(base, { chat, link, client, request, title: this.#title })
    this.stats.deliveries++
    this.writeLive(this.framed(frame({ event: 'approval', id: request.state, data })))
    if (isFinal(request)) this.end()
  }
}
