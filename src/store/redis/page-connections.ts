/**
 * Connections for pages of logs: for each connection for commands a second one to the same server. Nothing else waits behind
 * their replies, and they can take longer. They are opened when they are needed, and again after they were lost.
 */
import { RESP_TYPES } from 'redis'
import { type Client, evaluate } from './connection.ts'
import type { Script } from './scripts.ts'

/** How long a page may take: it can wait behind pages for many other readers. */
const PAGE_DEADLINE_MS = 15_000

const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer }

interface PageConnection {
  readonly client: Client
  readonly connecting: Promise<Client>
}

export class PageConnections {
  readonly #connections = new Map<Client, PageConnection>()

  /** Runs a script on the server of this connection for commands. With `bytes`, strings in the reply are Buffers. */
  async run(server: Client, script: Script, keys: string[], args: string[], as?: 'bytes'): Promise<unknown> {
    const client = await this.#connectionTo(server)
    // Without an answer the connection is of no use, and closing it fails everything that waits for it.
    const deadline = setTimeout(() => this.#drop(server, client), PAGE_DEADLINE_MS)
    try {
      return await evaluate(as === 'bytes' ? client.withTypeMapping(BYTES) : client, script, keys, args)
    } finally {
      clearTimeout(deadline)
    }
  }

  close(): void {
    for (const [server, { client }] of this.#connections) this.#drop(server, client)
  }

  #connectionTo(server: Client): Promise<Client> {
    const existing = this.#connections.get(server)
    if (existing !== undefined) return existing.connecting
    // Servers that have left the cluster, or that were given up.
    for (const [other, { client }] of this.#connections) if (!other.isOpen) this.#drop(other, client)
    const { socket } = server.options
    const client = server.duplicate({ socket: { ...socket, reconnectStrategy: false } })
    // Whoever waits for an answer gets the error.
    client.on('error', () => this.#drop(server, client))
    const connecting = client.connect()
    this.#connections.set(server, { client, connecting })
    connecting.catch(() => this.#drop(server, client))
    return connecting
  }

  #drop(server: Client, client: Client): void {
    if (this.#connections.get(server)?.client === client) this.#connections.delete(server)
    if (client.isOpen) client.destroy()
  }
}
