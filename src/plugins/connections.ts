/** The connections of the server and how many answers each still owes: what node:http knows but does not tell. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Connection {
  /** Requests whose answer has not yet gone to the operating system as a whole. */
  owed: number
  /** The last request, until it is answered. */
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
        if (connection.newest?.response === response) delete connection.newest
        goOn(connection)
      })
    })
  }

  /** Whether any answer is still owed. */
  get areBusy(): boolean {
    return [...this.#open.values()].some(({ owed }) => owed > 0)
  }

  /**
   * For a socket on which something could not be read: calls `action` as soon as what it owes has been answered. If it
   * is a request that broke off in its body, no answer to that one will come.
   */
  whenAnswered(socket: Socket, action: () => void): void {
    const connection = this.#open.get(socket)
    if (connection === undefined) return
    const { newest } = connection
    const isBroken = newest !== undefined && !newest.request.complete && !newest.response.headersSent
    connection.next = { at: isBroken ? 1 : 0, action }
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
