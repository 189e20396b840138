/**
 * A faulty wire: a TCP proxy between clients and a server. It can cut, hold and refuse all connections, and limit, cut or
 * truncate single ones.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Wire {
  /** The base of URLs through it. */
  readonly url: string
  readonly port: number
  /** The open connections. */
  readonly connections: ReadonlySet<Connection>
  /** Waits for a new connection. */
  nextConnection(): Promise<void>
  /** Resets every connection. */
  cut(): void
  /** Passes the next data of the server without its last three bytes, and ends that connection. */
  cutShort(): Promise<void>
  /** Resets every connection and refuses new ones, like a closed port. */
  down(): Promise<void>
  /** A black hole: nothing arrives on old and new connections, and neither end notices. */
  hold(): void
  /** A black hole for the marked connections. */
  holdMarked(): void
  /** New connections pass again. Held ones stay black holes. */
  release(): void
  /** Passes connections again, to the server on this port. Held ones are reset. */
  up(target: number): Promise<void>
  close(): Promise<void>
}

interface Options {
  /** Called with the data of a client; returns whether the connection is marked, or undefined to leave it. */
  readonly mark?: (sent: Buffer) => boolean | undefined
  readonly onConnection?: (connection: Connection) => void
  /** Called when the server has ended a connection. */
  readonly onServerEnd?: (connection: Connection) => void
}

/** Listens on this port of 127.0.0.1, or on a free one for 0, and returns the port. */
export async function listenOn(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listens on no port')
  return address.port
}

/** Connects clients to the server on the port that `target` is or returns. */
export async function openWire(target: number | (() => number), options: Options = {}): Promise<Wire> {
  let targetPort = typeof target === 'number' ? () => target : target
  let isHeld = false
  let onCutShort: (() => void) | undefined
  const connections = new Set<Connection>()

  const listener = createServer((client) => {
    const server = connect({ port: targetPort(), host: '127.0.0.1' })
    const connection = new Connection(client, server, options, (bytes) => {
      if (onCutShort === undefined) return
      connection.down.limit(Math.max(0, bytes.length - 3), () => connection.truncate())
      onCutShort()
      onCutShort = undefined
    })
    connections.add(connection)
    const forget = () => client.destroyed && server.destroyed && connections.delete(connection)
    for (const socket of [client, server]) socket.once('close', forget)
    if (isHeld) connection.hold()
    options.onConnection?.(connection)
  })

  const cut = () => {
    for (const connection of connections) connection.cut()
  }
  const down = async () => {
    if (!listener.listening) return
    const closed = once(listener, 'close')
    listener.close()
    cut()
    await closed
  }
  const port = await listenOn(listener, 0)
  return {
    url: `http://localhost:${port}`,
    port,
    connections,
    nextConnection: async () => void (await once(listener, 'connection')),
    cut,
    cutShort: () =>
      new Promise((resolve) => {
        onCutShort = resolve
      }),
    down,
    hold: () => {
      isHeld = true
      for (const connection of connections) connection.hold()
    },
    holdMarked: () => {
      for (const connection of connections) if (connection.isMarked) connection.hold()
    },
    release: () => {
      isHeld = false
    },
    up: async (next) => {
      targetPort = () => next
      if (isHeld) cut()
      isHeld = false
      if (!listener.listening) await listenOn(listener, port)
    },
    close: down
  }
}

/** Replaces the reconnection time with the server's minimum, so that tests are fast. */
function withShortRetry(bytes: Buffer): Buffer {
  if (!bytes.includes('\nretry: ')) return bytes
  return Buffer.from(bytes.toString('latin1').replace(/^retry: \d{4}$/m, 'retry: 1000'), 'latin1')
}

export class Connection {
  /** From the client to the server. */
  readonly up: Flow
  /** From the server to the client. */
  readonly down: Flow
  isMarked = false
  readonly #client: Socket
  readonly #server: Socket

  constructor(client: Socket, server: Socket, { mark, onServerEnd }: Options, onDown: (bytes: Buffer) => void) {
    this.#client = client
    this.#server = server
    this.up = new Flow(client, server, (bytes) => {
      this.isMarked = mark?.(bytes) ?? this.isMarked
      return bytes
    })
    this.down = new Flow(server, client, (bytes) => {
      onDown(bytes)
      return withShortRetry(bytes)
    })
    server.on('end', () => onServerEnd?.(this))
  }

  /** Resets both ends. */
  cut(): void {
    for (const socket of [this.#client, this.#server]) {
      // Node 20 keeps a socket for ever that is reset while its end is being sent, and the process would not exit.
      if (socket.writableEnded) socket.destroy()
      else socket.resetAndDestroy()
    }
  }

  /** Nothing arrives any more, not even the end of the connection. */
  hold(): void {
    this.up.isLost = true
    this.down.isLost = true
  }

  /** Ends the connection as if the server had sent no more. */
  truncate(): void {
    this.#client.end()
    this.#server.destroy()
  }
}

/** One direction of a connection. */
class Flow {
  /** Whether data is dropped. */
  isLost = false
  readonly #from: Socket
  readonly #to: Socket
  readonly #edit: (bytes: Buffer) => Buffer
  #left = Number.POSITIVE_INFINITY
  #atLimit: () => void = () => undefined
  /** Data beyond the limit. */
  #kept: Buffer | undefined

  constructor(from: Socket, to: Socket, edit: (bytes: Buffer) => Buffer) {
    this.#from = from
    this.#to = to
    this.#edit = edit
    from.on('data', (bytes) => this.#pass(this.#edit(bytes)))
    from.on('error', () => from.destroy())
    from.on('end', () => this.isLost || to.end())
    from.on('close', () => this.isLost || to.destroySoon())
    to.on('drain', () => {
      if (this.#kept === undefined) from.resume()
    })
  }

  /** Passes `bytes` more, keeps what follows, and calls `then`. */
  limit(bytes: number, then: () => void): void {
    this.#left = bytes
    this.#atLimit = then
  }

  /** Passes everything, including kept data. */
  unlimit(): void {
    this.limit(Number.POSITIVE_INFINITY, () => undefined)
    this.resume()
  }

  /** Passes kept and new data up to the current limit. */
  resume(): void {
    const kept = this.#kept
    if (kept === undefined) return
    this.#kept = undefined
    this.#pass(kept)
    if (this.#kept === undefined && !this.#to.writableNeedDrain) this.#from.resume()
  }

  #pass(bytes: Buffer): void {
    if (this.isLost || this.#to.destroyed) return
    if (bytes.length < this.#left) {
      this.#left -= bytes.length
      if (!this.#to.write(bytes)) this.#from.pause()
      return
    }
    const [passed, then] = [bytes.subarray(0, this.#left), this.#atLimit]
    this.#kept = bytes.subarray(this.#left)
    this.limit(Number.POSITIVE_INFINITY, () => undefined)
    this.#from.pause()
    // After it was sent, because a reset would overtake it.
    this.#to.write(passed, () => then())
  }
}
