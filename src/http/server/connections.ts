/** The connections of the server and the answers that each still owes, which node:http knows but does not expose. */
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'

interface Connection {
  /** Answers that have not yet been handed to the operating system completely. */
  readonly owed: Set<ServerResponse>
  /** The answer to the last request, until that request is read and answered. */
  newest: ServerResponse | undefined
  /** An action to run when at most `at` answers are owed. */
  next?: { readonly at: number; readonly action: () => void }
  /** The bytes that the client had taken when the connection was silent before. */
  takenBefore?: number
  /** Has answered a request, so that it can be idle. */
  hasAnswered?: true
  /** Carries an event stream: no other answer can be sent on it. */
  isStream?: true
}

declare module 'fastify' {
  interface FastifyInstance {
    connections: Connections
  }
}

/** How long a connection is silent before it is looked at. A client that has taken nothing at two looks is disconnected. */
const SILENT_MS = 15_000

export const connections = fp(
  (app, _options, done) => {
    const all = new Connections(app.server)
    app.decorate('connections', all)
    // Node.js counts every byte that the operating system takes as activity, also of a write that is not complete.
    app.server.setTimeout(SILENT_MS, (socket: Socket) => all.onSilent(socket))
    done()
  },
  { name: 'connections' }
)

export class Connections {
  readonly #open = new Map<Socket, Connection>()
  /** Called for each answer that was cut off by the loss of its connection, even if another one was being sent. */
  onLost: (response: ServerResponse) => void = () => undefined

  constructor(server: Server) {
    const open = this.#open
    const lost = (response: ServerResponse): void => this.onLost(response)
    // One function for all connections: a closure for each would cost memory.
    function onClosed(this: Socket): void {
      const connection = open.get(this)
      open.delete(this)
      connection?.owed.forEach(lost)
    }
    /** The whole answer has been handed to the operating system, or never will be. */
    function onAnswered(this: ServerResponse): void {
      const connection = open.get(this.req.socket)
      if (connection === undefined) return
      // `onClosed` reports the answers of a connection that was lost.
      if (this.writableFinished || !this.req.socket.destroyed) settle(connection, this)
    }
    server.on('connection', (socket) => {
      open.set(socket, { owed: new Set(), newest: undefined })
      socket.on('close', onClosed)
    })
    // Before Fastify's own listener, so that a request that follows a stream is not answered into that stream.
    server.prependListener('request', (request, response) => {
      const connection = open.get(request.socket)
      if (connection === undefined) return
      connection.owed.add(response)
      connection.newest = response
      response.on('close', onAnswered)
      if (connection.isStream) request.socket.destroy()
    })
  }

  /** Bytes that wait in this process for their readers. */
  get unreadBytes(): number {
    let bytes = 0
    for (const socket of this.#open.keys()) bytes += socket.writableLength
    return bytes
  }

  /** Ends a silent connection whose client does not take its answer, or which is kept alive for nothing. */
  onSilent(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection === undefined) return
    const taken = socket.bytesWritten - socket.writableLength
    const isStalled = socket.writableLength > 0 && connection.takenBefore === taken
    const isIdle = connection.hasAnswered === true && connection.owed.size === 0 && connection.isStream === undefined
    if (isStalled || isIdle) {
      socket.destroy()
      return
    }
    if (socket.writableLength === 0) return
    connection.takenBefore = taken
    // Node.js calls again only after it has been active.
    socket.setTimeout(SILENT_MS)
  }

  /** Whether any answer is still owed. */
  get areBusy(): boolean {
    return [...this.#open.values()].some(({ owed }) => owed.size > 0)
  }

  /**
   * The answer becomes an event stream. For node:http it is over, and whatever the client sends after it closes the
   * connection.
   */
  becomesStream(socket: Socket, response: ServerResponse): void {
    const connection = this.#open.get(socket)
    if (connection === undefined) return
    connection.isStream = true
    // A stream has a heartbeat, which notices a reader that takes nothing.
    socket.setTimeout(0)
    settle(connection, response)
  }

  /**
   * Calls `refuse` for a socket whose input could not be parsed, after the answers that it owes. If the input was the body
   * of a request, this is the answer to that request, unless it has been answered already. What follows a stream is ignored.
   */
  whenAnswered(socket: Socket, refuse: () => void): void {
    const connection = this.#open.get(socket)
    if (connection === undefined || connection.isStream) return
    const { newest } = connection
    if (newest === undefined || newest.req.complete) connection.next = { at: 0, action: refuse }
    else if (newest.headersSent) connection.next = { at: 0, action: () => socket.destroySoon() }
    else connection.next = { at: 1, action: refuse }
    goOn(connection)
  }

  destroy(): void {
    for (const socket of this.#open.keys()) socket.destroy()
  }
}

function settle(connection: Connection, response: ServerResponse): void {
  connection.owed.delete(response)
  connection.hasAnswered = true
  // An idle connection must not keep the last answer alive.
  if (connection.newest === response && response.req.complete) connection.newest = undefined
  goOn(connection)
}

function goOn(connection: Connection): void {
  const { owed, next } = connection
  if (next === undefined || owed.size > next.at) return
  delete connection.next
  next.action()
}
