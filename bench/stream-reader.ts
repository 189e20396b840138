/** A reader of a stream at the lowest cost: a bare socket whose bytes are compared with the shared log. */
import { connect } from 'node:net'
import { Chunks } from './chunks.ts'
import type { SharedLog } from './shared-log.ts'

export interface Stream {
  readonly url: string
  readonly authorization: string
}

/**
 * One buffer for all sockets: libuv fills it and calls back before it reads the next socket. A new buffer for every read
 * would cost more than the read.
 */
const RECEIVED = Buffer.alloc(64 * 1024)

export class StreamReader {
  readonly #log: SharedLog
  readonly #onOpen: () => void
  #head = ''
  #body: ((received: Buffer) => void) | undefined
  /** The text before the first message: comments, `ready`. Undefined after the first message. */
  #opening: string | undefined = ''
  #position = 0

  constructor(log: SharedLog, onOpen: () => void) {
    this.#log = log
    this.#onOpen = onOpen
  }

  /** How many bytes of the log it has received. */
  get position(): number {
    return this.#position
  }

  /** @throws Error with a sentence if the bytes are wrong */
  receive(received: Buffer): void {
    if (this.#body === undefined) this.#readHead(received)
    else this.#body(received)
  }

  #readHead(received: Buffer): void {
    this.#head += received.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) return
    if (!this.#head.startsWith('HTTP/1.1 200 ')) throw new Error(`A stream was refused: ${this.#head.slice(9, 40)}`)
    const read = (bytes: Buffer) => this.#read(bytes)
    const chunks = new Chunks(read)
    this.#body = /^transfer-encoding: chunked\r$/im.test(this.#head) ? (bytes) => chunks.feed(bytes) : read
    const rest = this.#head.slice(end + 4)
    this.#head = ''
    this.#body(Buffer.from(rest, 'latin1'))
  }

  #read(bytes: Buffer): void {
    if (this.#opening === undefined) {
      this.#log.take(this.#position, bytes)
      this.#position += bytes.length
    } else {
      this.#skipOpening(this.#opening + bytes.toString('latin1'))
    }
  }

  #skipOpening(text: string): void {
    let rest = text
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      if (rest.slice(0, end).includes('event: message\n')) {
        this.#opening = undefined
        this.#read(Buffer.from(rest, 'latin1'))
        return
      }
      rest = rest.slice(end + 2)
      this.#onOpen()
    }
    this.#opening = rest
  }
}

/** Resolves when the stream has begun. `onFault` receives all errors, before and after that. */
export function openReader({ url, authorization }: Stream, log: SharedLog, onFault: (error: Error) => void) {
  return new Promise<StreamReader>((resolve) => {
    const { hostname, port, pathname, host } = new URL(url)
    const reader = new StreamReader(log, () => resolve(reader))
    const callback = (length: number) => {
      try {
        reader.receive(RECEIVED.subarray(0, length))
      } catch (error) {
        onFault(error instanceof Error ? error : new Error(String(error)))
      }
      return true
    }
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer: RECEIVED, callback } })
    socket.once('error', (error) => onFault(new Error(`A stream broke: ${error.message}.`)))
    socket.once('close', () => onFault(new Error('The server ended a stream.')))
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${authorization}\r\nAccept: text/event-stream\r\n\r\n`
    )
  })
}
