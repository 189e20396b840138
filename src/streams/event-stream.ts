/** What every live stream is to the hub: a socket that is written to, has a heartbeat, and is cut off if it lags. */
import type { Writable } from 'node:stream'
import type { Batch } from './batch.ts'
import type { ChatSource } from './chat-source.ts'
import { HEARTBEAT } from './sse-format.ts'
import type { StreamFigures } from './stream-figures.ts'

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
  beat(): void
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

/** What a reader has to take the last bytes of a stream that has ended. */
const END_DEADLINE_MS = 10_000

export abstract class EventStream implements Follower {
  abstract readonly kind: 'chat' | 'guest'
  protected readonly socket: Sink
  protected readonly figures: StreamFigures
  readonly #maxBufferBytes: number
  /** Live bytes written so far: those of a replay do not count as falling behind. */
  #liveBytes = 0

  constructor(socket: Sink, maxBufferBytes: number, figures: StreamFigures) {
    this.socket = socket
    this.figures = figures
    this.#maxBufferBytes = maxBufferBytes
  }

  abstract deliver(batch: Batch): void
  abstract reset(source: ChatSource): Promise<void>
  abstract gone(): void

  get isOver(): boolean {
    return !this.socket.writable
  }

  /** Writes a heartbeat, unless other bytes are still waiting for the reader. */
  beat(): void {
    if (this.socket.writableLength === 0 && !this.isOver) this.socket.write(HEARTBEAT)
  }

  end(): void {
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
    if (this.isOver || text === '') return
    this.socket.write(text)
    this.figures.bytes += Buffer.byteLength(text)
  }

  /** Hands over live bytes, or cuts off a reader that has fallen too far behind. It comes back with its cursor. */
  protected writeLive(bytes: Buffer): void {
    if (this.isOver || bytes.length === 0) return
    this.socket.write(bytes)
    this.#liveBytes += bytes.length
    this.figures.bytes += bytes.length
    if (Math.min(this.#liveBytes, this.socket.writableLength) <= this.#maxBufferBytes) return
    this.figures.cutOff++
    this.socket.destroy()
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
