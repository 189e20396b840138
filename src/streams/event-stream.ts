/** A live stream: writes to a socket, sends heartbeats, and cuts off a reader that falls too far behind. */
import type { Writable } from 'node:stream'
import type { UserId } from '../chat/ids.ts'
import { HEARTBEAT, opening } from '../wire/sse-format.ts'
import type { Base } from '../wire/urls.ts'
import type { Batch } from './batch.ts'
import { chunk, LAST_CHUNK } from './chunked.ts'
import { roomForMore } from './drained.ts'
import type { ChatSource, Follower } from './follower.ts'
import type { StreamStats } from './stats.ts'

/** Where a stream writes: a socket. */
export type Sink = Writable & {
  /** Bytes written so far, including those that wait to be sent. */
  readonly bytesWritten: number
  /** Destroys it after everything written so far has been sent. */
  destroySoon(): void
}

/** The reader of a stream. */
export interface Reader {
  readonly user: UserId
  /** The base of the URLs in what it is sent. */
  readonly base: Base
  /** Whether the body is sent in chunks (HTTP/1.1) or ends with the connection (HTTP/1.0). */
  readonly isChunked: boolean
}

const HEARTBEATS = { chunked: Buffer.from(chunk(HEARTBEAT)), plain: Buffer.from(HEARTBEAT) }

/** A reader that takes nothing of what waits for it for this long is cut off. */
const STALLED_MS = 30_000
/** How long a reader has to take the last bytes of a stream that has ended. */
const END_DEADLINE_MS = 10_000

export abstract class EventStream implements Follower {
  abstract readonly kind: 'chat' | 'guest'
  protected readonly socket: Sink
  protected readonly stats: StreamStats
  protected readonly isChunked: boolean
  readonly #maxBufferBytes: number
  /** Bytes at the end of the socket's buffer: the live ones, written after all of the catching up. */
  #liveBytes = 0
  /**
   * Bytes of catching up before those in the buffer, which do not count as falling behind. Counted as if they were in one
   * piece: if live bytes are between them, some are sent earlier than this assumes, so it is never too low.
   */
  #catchUpBytes: number
  /** What the reader had taken at an earlier heartbeat, if other bytes waited for it. */
  #stalled: { readonly taken: number; readonly since: number } | undefined

  constructor(socket: Sink, maxBufferBytes: number, isChunked: boolean, stats: StreamStats) {
    this.socket = socket
    this.stats = stats
    this.isChunked = isChunked
    this.#maxBufferBytes = maxBufferBytes
    // The head of the response, or an earlier response on the same connection.
    this.#catchUpBytes = socket.writableLength
  }

  abstract deliver(batch: Batch): void
  abstract reset(source: ChatSource): Promise<void>
  abstract chatRemoved(): void

  get isOver(): boolean {
    return !this.socket.writable
  }

  /** Writes a heartbeat, unless the reader has not yet taken other bytes; if it takes none at all, it is cut off. */
  heartbeat(): void {
    if (this.socket.writableLength > 0) {
      this.#cutOffIfStalled()
      return
    }
    this.#writeBytes(this.isChunked ? HEARTBEATS.chunked : HEARTBEATS.plain)
  }

  /** Writes what precedes all events. `retryMs`: when the client reconnects. */
  open(retryMs: number): void {
    this.write(opening(retryMs))
  }

  /** Ends the body completely: without the last chunk a reader would take the stream for cut off. */
  end(): void {
    if (this.isChunked && !this.isOver) this.socket.write(LAST_CHUNK)
    this.socket.destroySoon()
    // A reader that does not read would keep its socket open.
    setTimeout(() => this.socket.destroy(), END_DEADLINE_MS).unref()
  }

  destroy(): void {
    this.socket.destroy()
  }

  onClose(listener: () => void): void {
    if (this.socket.closed) listener()
    else this.socket.on('close', listener)
  }

  /** Writes a part of catching up, which does not count as falling behind. */
  protected write(text: string): void {
    this.#writeBytes(this.framed(text))
  }

  /**
   * Writes live bytes, framed as `isChunked` says, and cuts off a reader that has fallen too far behind. It reconnects with
   * its cursor.
   */
  protected writeLive(bytes: Buffer): void {
    if (this.isOver || bytes.length === 0) return
    this.socket.write(bytes)
    this.stats.bytes += bytes.length
    const waiting = this.socket.writableLength
    this.#liveBytes = Math.min(this.#liveBytes + bytes.length, waiting)
    this.#catchUpBytes = Math.min(this.#catchUpBytes, waiting - this.#liveBytes)
    if (waiting - this.#catchUpBytes <= this.#maxBufferBytes) return
    this.stats.cutOff++
    this.socket.destroy()
  }

  #writeBytes(bytes: Buffer): void {
    if (this.isOver || bytes.length === 0) return
    const beforeLive = Math.max(0, this.socket.writableLength - this.#liveBytes)
    this.#catchUpBytes = Math.min(this.#catchUpBytes, beforeLive) + bytes.length
    this.#liveBytes = 0
    this.socket.write(bytes)
    this.stats.bytes += bytes.length
  }

  #cutOffIfStalled(): void {
    const taken = this.socket.bytesWritten - this.socket.writableLength
    if (this.#stalled?.taken !== taken) this.#stalled = { taken, since: performance.now() }
    else if (performance.now() - this.#stalled.since >= STALLED_MS) {
      this.stats.cutOff++
      this.socket.destroy()
    }
  }

  /** A text framed for this reader. */
  protected framed(text: string): Buffer {
    return Buffer.from(this.isChunked ? chunk(text) : text)
  }

  /** Resolves once the socket takes more or is closed, and not before other work has had its turn. */
  protected roomForMore(): Promise<void> {
    return roomForMore(this.socket)
  }
}
