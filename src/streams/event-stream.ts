/** What every live stream is to the hub: a socket that is written to, has a heartbeat, and is cut off if it lags. */
import type { Writable } from 'node:stream'
import { HEARTBEAT, opening } from '../wire/sse-format.ts'
import type { Batch } from './batch.ts'
import type { ChatSource } from './chat-source.ts'
import { chunk, LAST_CHUNK } from './chunked.ts'
import type { StreamStats } from './stats.ts'

/** Whoever follows a chat in this process: a stream, or a request that waits. */
export interface Follower {
  readonly kind: 'chat' | 'guest' | 'wait'
  /** What was committed since the last call, in order. Must not throw. */
  deliver(batch: Batch): void
  /** What was delivered may not be in the log any more, or not all was: it has to begin anew. */
  reset(source: ChatSource): Promise<void>
  /** The chat is no more. */
  gone(): void
  /** A heartbeat is due. */
  heartbeat(): void
  /** Ends it once what has been written is out. */
  end(): void
  /** Ends it at once. */
  destroy(): void
  onClose(listener: () => void): void
}

/** Where a stream writes: a socket. */
export type Sink = Writable & {
  /** Destroys it once what has been written is out. */
  destroySoon(): void
}

const HEARTBEATS = { chunked: Buffer.from(chunk(HEARTBEAT)), plain: Buffer.from(HEARTBEAT) }

/** What a reader has to take the last bytes of a stream that has ended. */
const END_DEADLINE_MS = 10_000

export abstract class EventStream implements Follower {
  abstract readonly kind: 'chat' | 'guest'
  protected readonly socket: Sink
  protected readonly stats: StreamStats
  /** Whether the body is sent in chunks (HTTP/1.1) or ends with the connection (HTTP/1.0). */
  protected readonly isChunked: boolean
  readonly #maxBufferBytes: number
  /** The last bytes that wait in the socket: the live ones that came after all catching up. */
  #liveBytes = 0
  /**
   * The bytes of catching up that wait before those, which do not count as falling behind. As if they stood together:
   * if live bytes wait between them the socket sends some earlier than this says, so it is never too few.
   */
  #catchUpBytes: number

  constructor(socket: Sink, maxBufferBytes: number, isChunked: boolean, stats: StreamStats) {
    this.socket = socket
    this.stats = stats
    this.isChunked = isChunked
    this.#maxBufferBytes = maxBufferBytes
    // The head, or an answer before it on the same connection.
    this.#catchUpBytes = socket.writableLength
  }

  abstract deliver(batch: Batch): void
  abstract reset(source: ChatSource): Promise<void>
  abstract gone(): void

  get isOver(): boolean {
    return !this.socket.writable
  }

  /** Writes a heartbeat, unless other bytes are still waiting for the reader. */
  heartbeat(): void {
    if (this.socket.writableLength > 0) return
    this.#writeBytes(this.isChunked ? HEARTBEATS.chunked : HEARTBEATS.plain)
  }

  /** Writes what comes before all events. */
  open(retryMs: number): void {
    this.write(opening(retryMs))
  }

  /** Without the last chunk a reader would take it for cut off. */
  end(): void {
    if (this.isChunked && !this.isOver) this.socket.write(LAST_CHUNK)
    this.socket.destroySoon()
    // A reader that does not read would keep its socket.
    setTimeout(() => this.socket.destroy(), END_DEADLINE_MS).unref()
  }

  destroy(): void {
    this.socket.destroy()
  }

  onClose(listener: () => void): void {
    if (this.socket.closed) listener()
    else this.socket.on('close', listener)
  }

  /** Writes what belongs to catching up: it does not count as falling behind. */
  protected write(text: string): void {
    this.#writeBytes(this.framed(text))
  }

  /**
   * Hands over live bytes, framed as `isChunked` says, or cuts off a reader that has fallen too far behind. It comes back
   * with its cursor.
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

  /** A text as it is sent to this reader. */
  protected framed(text: string): Buffer {
    return Buffer.from(this.isChunked ? chunk(text) : text)
  }

  /** Resolves when the socket takes more, or never will, and not before other work had its turn. */
  protected roomForMore(): Promise<void> {
    return new Promise((resolve) => {
      const { socket } = this
      if (this.isOver || !socket.writableNeedDrain) {
        setImmediate(resolve)
        return
      }
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }
}
