/**
 * A faulty wire: a TCP proxy between clients and a server. It can cut connections, lose what is sent, refuse, and harm single
 * connections: cut, stall, slow down or truncate them after so many bytes.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Wire {
  /** The base of URLs that lead through it. */
  readonly url: string
  readonly port: number
  /** Those that are open. */
  readonly connections: ReadonlySet<Connection>
  /** Waits for a new connection. */
  nextConnection(): Promise<void>
  /** Resets every connection. */
  cut(): void
  /** Passes what the server sends next except its last three bytes, and ends that connection. */
  cutShort(): Promise<void>
  /** Resets every connection and refuses new ones, as a port does on which nobody listens. */
  down(): Promise<void>
  /** A black hole: on all connections, also new ones, nothing arrives any more, and neither end notices. */
  hold(): void
  /** A black hole for the open connections that are marked. */
  holdMarked(): void
  /** New connections pass again. Those that were held never do, and neither end notices. */
  release(): void
  /** Passes connections again, to the server on this port. Those that were held are reset. */
  up(target: number): Promise<void>
  close(): Promise<void>
}

interface Options {
  /** Called with what a client sends: whether the connection is marked from now on. Undefined: as before. */
  readonly mark?: (sent: Buffer) => boolean | undefined
  readonly onConnection?: (connection: Connection) => void
  /** The server has ended this connection. */
  readonly onServerEnd?: (connection: Connection) => void
}

/** Listens on this port of 127.0.0.1, or on any that is free for 0, and gives the port. */
export async function listenOn(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listens on no port')
  return address.port
}

/** Each connection goes to the server on the port that `target` is or gives. */
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

/** Has every client come back after the shortest time that the server may name, so that tests need not wait longer. */
function withShortRetry(bytes: Buffer): Buffer {
  if (!bytes.includes('\nretry: ')) return bytes
  return Buffer.from(bytes.toString('latin1').replace(/^retry: \d{4}$/m, 'retry: 1000'), 'latin1')
}

export class Connection {
  /** What the client sends. */
  readonly up: Flow
  /** What the server sends. */
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
      // Node 20 never lets go of a socket that is reset while its end is being sent: the process would not exit.
      if (socket.writableEnded) socket.destroy()
      else socket.resetAndDestroy()
    }
  }

  /** Nothing arrives any more, not even that an end is gone. */
  hold(): void {
    this.up.isLost = true
    this.down.isLost = true
  }

  /** Ends as if the server had sent no more. */
  truncate(): void {
    this.#client.end()
    this.#server.destroy()
  }
}

/** One direction of a connection. */
class Flow {
  /** What is sent vanishes. */
  isLost = false
  readonly #from: Socket
  readonly #to: Socket
  readonly #edit: (bytes: Buffer) => Buffer
  #left = Number.POSITIVE_INFINITY
  #atLimit: () => void = () => undefined
  /** What came beyond the limit. */
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

  /** Passes so many more bytes, keeps what follows, and calls `then`. */
  limit(bytes: number, then: () => void): void {
    this.#left = bytes
    this.#atLimit = then
  }

  /** Passes everything, also what was kept. */
  unlimit(): void {
    this.limit(Number.POSITIVE_INFINITY, () => undefined)
    this.resume()
  }

  /** Passes what was kept, and what follows, up to the limit that is set now. */
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
    // Once it is sent: a reset would overtake it.
    this.#to.write(passed, () => then())
  }
}
