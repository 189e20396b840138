/**
 * Connections for pages of logs: for each connection for commands a second one to the same server. Nothing else waits behind
 * their replies, and they can take longer. They are opened when they are needed, and again after they were lost. So that a
 * thousand readers do not make this process hold a thousand pages, few are asked for at a time.
 */
import { RESP_TYPES } from 'redis'
import { StoreUnavailable } from '../../chat/store.ts'
import { type Client, evaluate } from './connection.ts'
import { FairQueue } from './fair-queue.ts'
import { keysOf } from './keys.ts'
import type { Script } from './scripts.ts'

/** How long a page may take, and how long it may wait before that. */
const PAGE_DEADLINE_MS = 15_000
/** Pages that are asked for at a time: enough to keep a server busy, and about a megabyte of replies. */
export const PAGES_AT_ONCE = 16

const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer }

interface PageConnection {
  readonly client: Client
  readonly connecting: Promise<Client>
}

export class PageConnections {
  readonly #connections = new Map<Client, PageConnection>()
  readonly #queue = new FairQueue({ most: PAGES_AT_ONCE, maxWaitMs: PAGE_DEADLINE_MS })
  #isClosed = false

  /**
   * Runs a script on the keys of a chat, on the server of this connection for commands. With `bytes`, strings in the reply are
   * Buffers.
   */
  run(server: Client, script: Script, tag: string, args: string[], as?: 'bytes'): Promise<unknown> {
    return this.#queue.run(tag, () => this.#run(server, script, keysOf(tag), args, as))
  }

  async #run(server: Client, script: Script, keys: string[], args: string[], as?: 'bytes'): Promise<unknown> {
    if (this.#isClosed) throw new StoreUnavailable('unreachable')
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
    this.#isClosed = true
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
