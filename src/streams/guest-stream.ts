/** The live stream of one guest at the door: the state of the own request, at once and when it changes. */
import { isFinal, type JoinRequest } from '../chat/door.ts'
import { type ChatId, digestOf, type UserDigest, type UserId } from '../chat/ids.ts'
import { frame } from '../wire/sse-format.ts'
import type { Base } from '../wire/urls.ts'
import { approvalEventView } from '../wire/views.ts'
import type { Batch } from './batch.ts'
import type { ChatSource } from './chat-source.ts'
import { EventStream, type Sink } from './event-stream.ts'
import { StreamStats } from './stats.ts'

export interface GuestReader {
  readonly chat: ChatId
  readonly client: UserId
  readonly base: Base
  /** Whether its connection speaks HTTP/1.1, which knows chunks. */
  readonly isChunked: boolean
}

export class GuestStream extends EventStream {
  readonly #reader: GuestReader
  readonly #guest: UserDigest
  #shown: JoinRequest['state'] | undefined

  constructor(socket: Sink, maxBufferBytes: number, reader: GuestReader, stats = new StreamStats()) {
    super(socket, maxBufferBytes, reader.isChunked, stats)
    this.#reader = reader
    this.#guest = digestOf(reader.client)
  }

  override get kind(): 'guest' {
    return 'guest'
  }

  override deliver(batch: Batch): void {
    for (const { request } of batch.joins) if (request.guest === this.#guest) this.#show(request)
  }

  override async reset(source: ChatSource): Promise<void> {
    const request = await this.#ownRequest(source)
    if (request === undefined) this.end()
    else this.#show(request)
  }

  /** A reconnect will be told. */
  override gone(): void {
    this.end()
  }

  /** Shows the present state. A change told meanwhile may have come first, and then is the newer one. */
  async begin(source: ChatSource): Promise<void> {
    const request = await this.#ownRequest(source)
    if (request === undefined) this.end()
    else if (this.#shown === undefined) this.#show(request)
  }

  async #ownRequest(source: ChatSource): Promise<JoinRequest | undefined> {
    return (await source.load())?.door.requests.get(this.#guest)
  }

  #show(request: JoinRequest): void {
    if (this.isOver || request.state === this.#shown) return
    this.#shown = request.state
    const { base, chat, client } = this.#reader
    const data = approvalEventView(base, chat, client, request)
    this.stats.deliveries++
    this.writeLive(this.framed(frame({ event: 'approval', id: request.state, data })))
    if (isFinal(request)) this.end()
  }
}
