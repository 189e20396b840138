/** The connections of the server and how many answers each still owes: what node:http knows but does not tell. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

export class Connections {
  readonly #owed = new Map<Socket, number>()
  readonly #whenDone = new Map<Socket, () => void>()

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#owed.set(socket, 0)
      socket.once('close', () => {
        this.#owed.delete(socket)
        this.#whenDone.delete(socket)
      })
    })
    server.on('request', ({ socket }, response) => {
      this.#add(socket, 1)
      // Emitted once the whole answer has gone to the operating system, or never will.
      response.once('close', () => this.#add(socket, -1))
    })
  }

  /** Whether any answer is still owed. */
  get areBusy(): boolean {
    return [...this.#owed.values()].some((count) => count > 0)
  }

  /** Calls `action` as soon as the socket owes no answer; an earlier one that waits is forgotten. */
  whenDone(socket: Socket, action: () => void): void {
    if ((this.#owed.get(socket) ?? 0) > 0) this.#whenDone.set(socket, action)
    else action()
  }

  destroy(): void {
    for (const socket of this.#owed.keys()) socket.destroy()
  }

  #add(socket: Socket, change: number): void {
    const before = this.#owed.get(socket)
    if (before === undefined) return
    this.#owed.set(socket, before + change)
    if (before + change === 0) this.#whenDone.get(socket)?.()
  }
}
