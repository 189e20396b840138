/** The connections of the server and how many answers each still owes: what node:http knows but does not tell. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Connection {
  /** Requests whose answer has not yet gone to the operating system as a whole. */
  owed: number
  /** The last request, until it is read and answered. */
  newest?: { readonly request: IncomingMessage; readonly response: ServerResponse }
  /** What is to be done once no more than so many answers are owed. */
  next?: { readonly at: number; readonly action: () => void }
}

export class Connections {
  readonly #open = new Map<Socket, Connection>()

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#open.set(socket, { owed: 0 })
      socket.once('close', () => this.#open.delete(socket))
    })
    server.on('request', (request, response) => {
      const connection = this.#open.get(request.socket)
      if (connection === undefined) return
      connection.owed++
      connection.newest = { request, response }
      // Emitted once the whole answer has gone to the operating system, or never will.
      response.once('close', () => {
        connection.owed--
        // A connection that is kept alive must not hold what is over.
        if (connection.newest?.response === response && request.complete) delete connection.newest
        goOn(connection)
      })
    })
  }

  /** Whether any answer is still owed. */
  get areBusy(): boolean {
    return [...this.#open.values()].some(({ owed }) => owed > 0)
  }

  /**
   * For a socket on which something could not be read: calls `refuse` as soon as what it owes has been answered. If it
   * was the body of a request, no other answer to that one will come; if it has been answered already, it needs none.
   */
  whenAnswered(socket: Socket, refuse: () => void): void {
    const connection = this.#open.get(socket)
    if (connection === undefined) return
    const { newest } = connection
    if (newest === undefined || newest.request.complete) connection.next = { at: 0, action: refuse }
    else if (newest.response.headersSent) connection.next = { at: 0, action: () => socket.destroySoon() }
    else connection.next = { at: 1, action: refuse }
    goOn(connection)
  }

  destroy(): void {
    for (const socket of this.#open.keys()) socket.destroy()
  }
}

function goOn(connection: Connection): void {
  const { owed, next } = connection
  if (next === undefined || owed > next.at) return
  delete connection.next
  next.action()
}
