/** The connections of the server and how many answers each still owes: what node:http knows but does not tell. */
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Connection {
  /** The answers that have not yet gone to the operating system as a whole. */
  readonly owed: Set<ServerResponse>
  /** The answer to the last request, until that is read and answered. */
  newest: ServerResponse | undefined
  /** What is to be done once no more than so many answers are owed. */
  next?: { readonly at: number; readonly action: () => void }
  /** It has become a stream (`stream-head.ts`): no answer may come through it any more. */
  isStream?: true
}

export class Connections {
  readonly #open = new Map<Socket, Connection>()
  /** Called for each answer that the loss of its connection has cut off, also if it was not its turn yet. */
  onLost: (response: ServerResponse) => void = () => undefined

  constructor(server: Server) {
    const open = this.#open
    const lost = (response: ServerResponse): void => this.onLost(response)
    // One of each for all: a closure of its own would cost every connection.
    function onClosed(this: Socket): void {
      const connection = open.get(this)
      open.delete(this)
      connection?.owed.forEach(lost)
    }
    /** The whole answer has gone to the operating system, or never will, or the rest is not HTTP. */
    function onAnswered(this: ServerResponse): void {
      const connection = open.get(this.req.socket)
      if (connection === undefined) return
      // Whether it was lost is said once the socket is closed, of all its answers.
      if (this.writableFinished || !this.req.socket.destroyed) settle(connection, this)
    }
    server.on('connection', (socket) => {
      open.set(socket, { owed: new Set(), newest: undefined })
      socket.on('close', onClosed)
    })
    // Ahead of Fastify, so that a request behind a stream is not answered into it.
    server.prependListener('request', (request, response) => {
      const connection = open.get(request.socket)
      if (connection === undefined) return
      connection.owed.add(response)
      connection.newest = response
      response.on('close', onAnswered)
      if (connection.isStream) request.socket.destroy()
    })
  }

  /** Whether any answer is still owed. */
  get areBusy(): boolean {
    return [...this.#open.values()].some(({ owed }) => owed.size > 0)
  }

  /**
   * For a socket on which something could not be read: calls `refuse` as soon as what it owes has been answered. If it
   * was the body of a request, no other answer to that one will come; if it has been answered already, it needs none. What
   * comes behind a stream is nobody's business.
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
  // A connection that is kept alive must not hold what is over.
  if (connection.newest === response && response.req.complete) connection.newest = undefined
  if (!response.writableEnded && !response.req.socket.destroyed) connection.isStream = true
  goOn(connection)
}

function goOn(connection: Connection): void {
  const { owed, next } = connection
  if (next === undefined || owed.size > next.at) return
  delete connection.next
  next.action()
}
