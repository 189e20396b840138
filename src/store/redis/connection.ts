/**
 * The connection for commands to Redis or Valkey, a single server or a cluster.
 *
 * A command without an answer fails after a deadline, and until the server answers again further commands fail at once.
 * Commands that were in progress when a server was lost may or may not have been executed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, createCluster, ErrorReply } from 'redis'
import { StoreUnavailable } from '../../chat/store.ts'
import { chatKey, keysOf } from './keys.ts'
import { type Reply, readReply } from './replies.ts'
import type { Script } from './scripts.ts'

/** How long a server may take to answer. */
export const COMMAND_DEADLINE_MS = 3000
/** A connection without any answer for this long is closed, although a PING is sent every second. */
const SILENCE_MS = 5000
const PING_MS = 1000
const CONNECT_DEADLINE_MS = 3000
/** Exponential backoff with jitter for lost connections. */
const RECONNECT_MS = { first: 50, most: 1000, spread: 100 }
/** How long and how often a command is retried (TRYAGAIN) while a cluster moves the chat's slot to another server. */
const SLOT_MIGRATION_MS = { most: 2000, pause: 50 }
/** A server that is no longer the master is left at most this often: while there is no other one, it can be read. */
const LEAVE_REPLICA_MS = 2000

/** Error codes (first words) of a server that cannot work at the moment. Other errors are bugs in Silly Chat. */
const TRANSIENT_ERRORS = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOAUTH',
  'NOREPLICAS',
  'READONLY',
  'TRYAGAIN',
  'UNKILLABLE',
  'WRONGPASS'
])

/** A connection to one server. */
export type Client = ReturnType<typeof clientOf>

export interface ConnectionHooks {
  readonly onLost: (cause: unknown) => void
  readonly onBack: () => void
}

export class Connection {
  readonly #options: ClientOptions
  readonly #hooks: ConnectionHooks
  #client: Client
  readonly #cluster: Cluster | undefined
  /** Connections with a command that got no answer in time. */
  readonly #unresponsive = new WeakSet<Client>()
  #leftReplicaAt = Number.NEGATIVE_INFINITY

  constructor(options: ClientOptions, isCluster: boolean, hooks: ConnectionHooks) {
    this.#options = options
    this.#hooks = hooks
    this.#client = clientOf(options)
    this.#cluster = isCluster ? clusterOf(options) : undefined
    if (this.#cluster === undefined) this.#observe(this.#client)
    else this.#cluster.on('error', hooks.onLost).on('node-error', hooks.onLost).on('node-ready', hooks.onBack)
  }

  async connect(): Promise<void> {
    await (this.#cluster ?? this.#client).connect()
  }

  /**
   * Runs a script on the keys of a chat, in one round trip.
   * @throws StoreUnavailable
   */
  async run(script: Script, tag: string, args: readonly (string | number)[]): Promise<Reply> {
    const current = this.#client
    try {
      const client = await this.clientFor(tag)
      const evaluate = () => this.#evaluateDuringMigration(script, keysOf(tag), args.map(String))
      return readReply(await this.#send(client, evaluate))
    } catch (error) {
      throw this.#toStoreFault(error, current)
    }
  }

  /**
   * Runs a command on each server (in a cluster: on each master).
   * @throws StoreUnavailable
   */
  async onEachServer(command: (client: Client) => Promise<void>): Promise<void> {
    const current = this.#client
    try {
      const sent = this.#servers().map(async (server) => this.#send(await server, command))
      // All of them, although one may be away.
      await Promise.allSettled(sent)
      await Promise.all(sent)
    } catch (error) {
      throw this.#toStoreFault(error, current)
    }
  }

  /** The value of a key of the store itself. */
  async get(tag: string): Promise<string | null> {
    const current = this.#client
    try {
      const get = () => (this.#cluster ?? this.#client).get(chatKey(tag))
      return await this.#send(await this.clientFor(tag), get)
    } catch (error) {
      throw this.#toStoreFault(error, current)
    }
  }

  /**
   * The connection to the server that has this chat, as far as the cluster's topology is known.
   * @throws StoreUnavailable
   */
  async clientFor(tag: string): Promise<Client> {
    if (this.#cluster === undefined) return this.#client
    try {
      return await withDeadline(this.#cluster.getNodeClientForKey(chatKey(tag)))
    } catch (cause) {
      this.#hooks.onLost(cause)
      throw new StoreUnavailable('unreachable', { cause })
    }
  }

  /**
   * Lets the cluster tell where this chat is now: if its slot was moved or its server was replaced, the library reads the
   * topology again, because the command is answered with MOVED. (A lost server makes it read the topology by itself.)
   */
  async locate(tag: string): Promise<void> {
    if (this.#cluster === undefined) return
    // Whatever fails here also fails the next command on this chat, which reports it.
    await withDeadline(this.#cluster.exists(chatKey(tag))).catch(() => undefined)
  }

  close(): void {
    const opened = this.#cluster ?? this.#client
    if (opened.isOpen) opened.destroy()
  }

  #servers(): readonly (Client | Promise<Client>)[] {
    const cluster = this.#cluster
    if (cluster === undefined) return [this.#client]
    return cluster.masters.map((master) => withDeadline(Promise.resolve(cluster.nodeClient(master))))
  }

  /** While a cluster moves a slot, its keys can be split between two servers, and both reply TRYAGAIN. */
  async #evaluateDuringMigration(script: Script, keys: string[], args: string[]): Promise<unknown> {
    const deadline = performance.now() + SLOT_MIGRATION_MS.most
    for (;;) {
      try {
        return await evaluate(this.#cluster ?? this.#client, script, keys, args)
      } catch (error) {
        if (!hasCode(error, 'TRYAGAIN') || performance.now() > deadline) throw error
        await sleep(SLOT_MIGRATION_MS.pause)
      }
    }
  }

  /** Writing resets the socket's idle timer, so nothing is sent to a server that is not answering. */
  async #send<Answer>(client: Client, command: (client: Client) => Promise<Answer>): Promise<Answer> {
    if (this.#unresponsive.has(client)) throw new NoAnswer()
    return await withDeadline(command(client), () => this.#pauseUntilAnswer(client))
  }

  /** Stops sending to this server until it answers a PING or its connection is closed by the idle timeout. */
  #pauseUntilAnswer(client: Client): void {
    if (this.#unresponsive.has(client)) return
    this.#unresponsive.add(client)
    const resume = (): void => {
      this.#unresponsive.delete(client)
      this.#hooks.onBack()
    }
    this.#hooks.onLost(new NoAnswer())
    // If the PING fails the connection is lost, and its `error` listener has been called.
    client.ping().then(resume, () => this.#unresponsive.delete(client))
  }

  #toStoreFault(error: unknown, client: Client): unknown {
    // This server is no longer the master. The address may lead to the new master by now.
    if (hasCode(error, 'READONLY')) this.#leaveReplica(client)
    return toStoreFault(error)
  }

  #leaveReplica(client: Client): void {
    // If many commands fail at once, only the first one reconnects.
    if (this.#cluster !== undefined || client !== this.#client) return
    if (performance.now() - this.#leftReplicaAt < LEAVE_REPLICA_MS) return
    this.#leftReplicaAt = performance.now()
    this.#client.destroy()
    this.#client = clientOf(this.#options)
    this.#observe(this.#client)
    // The client retries until it is connected. Its errors reach the `error` listener.
    this.#client.connect().catch(this.#hooks.onLost)
  }

  #observe(client: Client): void {
    client.on('error', this.#hooks.onLost).on('ready', this.#hooks.onBack)
  }
}

async function withDeadline<Answer>(answer: Promise<Answer>, onLate?: () => void): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onLate?.()
      reject(new NoAnswer())
    }, COMMAND_DEADLINE_MS)
  })
  try {
    return await Promise.race([answer, deadline])
  } finally {
    clearTimeout(timer)
  }
}

type Evaluating = {
  evalSha(digest: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(source: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** Runs a script on one server. */
export async function evaluate(
  target: Evaluating,
  { digest, source }: Script,
  keys: string[] = [],
  args: string[] = []
): Promise<unknown> {
  const options = { keys, arguments: args }
  try {
    return await target.evalSha(digest, options)
  } catch (error) {
    // The server has restarted and lost its script cache.
    if (!hasCode(error, 'NOSCRIPT')) throw error
    return await target.eval(source, options)
  }
}

/** The error that the caller of a store gets. */
export function toStoreFault(error: unknown): unknown {
  if (error instanceof StoreUnavailable || PROGRAMMING_ERRORS.some((kind) => error instanceof kind)) return error
  if (hasCode(error, 'OOM')) return new StoreUnavailable('full', { cause: error })
  return isRetryable(error) ? new StoreUnavailable('unreachable', { cause: error }) : error
}

/** Whether a cluster has this chat elsewhere, or is moving it. */
export function isRedirection(error: unknown): boolean {
  return ['MOVED', 'ASK', 'TRYAGAIN'].some((code) => hasCode(error, code))
}

class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Whether a retry can succeed: after every connection error and after TRANSIENT_ERRORS of the server. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof ErrorReply) return TRANSIENT_ERRORS.has(errorCode(error))
  return !PROGRAMMING_ERRORS.some((kind) => error instanceof kind)
}

const PROGRAMMING_ERRORS = [TypeError, RangeError, ReferenceError, SyntaxError]

function errorCode({ message }: ErrorReply): string {
  return message.split(' ', 1)[0] ?? ''
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof ErrorReply && errorCode(error) === code
}

type Cluster = ReturnType<typeof clusterOf>

export type ClientOptions = ReturnType<typeof clientOptions>

export function clientOptions(url: string) {
  return {
    url,
    RESP: 3 as const,
    // Without a connection commands fail at once instead of waiting in a queue.
    disableOfflineQueue: true,
    // Turns off the library's timeout, which covers only the time in the queue; `withDeadline` covers the answer.
    commandOptions: { timeout: 0 },
    pingInterval: PING_MS,
    socket: {
      connectTimeout: CONNECT_DEADLINE_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (retries: number) =>
        Math.min(RECONNECT_MS.most, RECONNECT_MS.first * 2 ** retries) + Math.random() * RECONNECT_MS.spread
    }
  }
}

function clientOf(options: ClientOptions) {
  return createClient(options)
}

function clusterOf({ url, ...defaults }: ClientOptions) {
  const { username, password, protocol } = new URL(url)
  return createCluster({
    rootNodes: [{ url }],
    defaults: {
      ...defaults,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      socket: { ...defaults.socket, ...(protocol === 'rediss:' && { tls: true as const }) }
    },
    // Otherwise one unreachable server would delay reading the topology of all of them.
    minimizeConnections: true,
    // How soon the topology is read again after a server is lost, to find its replacement.
    topologyRefreshOnReconnectionAttemptStrategy: RECONNECT_MS.first
  })
}
