/**
 * The connection to Redis or Valkey, a single server or a cluster.
 *
 * A command without an answer fails after a deadline, and until the server answers again further commands fail at once.
 * Commands that were in progress when a server was lost may or may not have been executed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, createCluster, ErrorReply, RESP_TYPES } from 'redis'
import { StoreUnavailable } from '../../chat/store.ts'
import { type FaultHooks, RetriedFaults } from '../retried-faults.ts'
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
/** How long the start waits for a server. */
const START_DEADLINE_MS = 10_000
const START_RETRY_MS = 250
const MIN_VERSION = 7
/** The name of the work in `RetriedFaults`. */
const COMMANDS = 'commands'
/** How long and how often a command is retried (TRYAGAIN) while a cluster moves the chat's slot to another server. */
const SLOT_MIGRATION_MS = { most: 2000, pause: 50 }

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

/** Why the server of STORE_URL cannot be used. */
class ServerRefused extends Error {
  override readonly name = 'ServerRefused'
}

export interface ServerHooks extends FaultHooks {
  readonly onLost: (cause: unknown) => void
  readonly onBack: () => void
}

/** A connection to one server. */
export type Client = ReturnType<typeof clientOf>

export class RedisServer {
  readonly #options: Options
  readonly hooks: ServerHooks
  #client: Client
  readonly #cluster: Cluster | undefined
  /** Connections with a command that got no answer in time. */
  readonly #unresponsive = new WeakSet<Client>()
  readonly #faults: RetriedFaults
  #isLost = false

  private constructor(options: Options, client: Client, cluster: Cluster | undefined, hooks: ServerHooks) {
    this.#options = options
    this.hooks = hooks
    this.#faults = new RetriedFaults(hooks)
    this.#client = client
    this.#cluster = cluster
    if (cluster === undefined) this.#observe(client)
    else cluster.on('error', this.#onLost).on('node-error', this.#onLost).on('node-ready', this.#onBack)
  }

  /** @throws ServerRefused if the server cannot be reached or is too old */
  static async open(url: string, hooks: ServerHooks): Promise<RedisServer> {
    const options = optionsOf(url)
    const info = await firstInfo(options, url)
    const version = valueIn(info, 'redis_version')
    if (Number.parseInt(version, 10) < MIN_VERSION) {
      throw new ServerRefused(
        `${hostOf(url)} runs Redis ${version}. Silly Chat needs Redis ${MIN_VERSION} or newer, or Valkey.`
      )
    }
    const cluster = valueIn(info, 'redis_mode') === 'cluster' ? clusterOf(options) : undefined
    const server = new RedisServer(options, clientOf(options), cluster, hooks)
    try {
      await (cluster ?? server.#client).connect()
    } catch (error) {
      throw new ServerRefused(`The store at ${hostOf(url)} cannot be reached: ${reasonOf(error)}.`)
    }
    return server
  }

  /**
   * Runs a script on the keys of a chat, in one round trip. With `bytes`, strings in the reply are Buffers.
   * @throws StoreUnavailable
   */
  async run(script: Script, tag: string, args: readonly (string | number)[], as?: 'bytes'): Promise<Reply> {
    const current = this.#client
    try {
      const client = await this.clientFor(tag)
      const reply = readReply(
        await this.#send(client, () => this.#evaluateDuringMigration(script, tag, args.map(String), as))
      )
      this.#faults.ended(COMMANDS)
      return reply
    } catch (error) {
      const fault = this.#toStoreFault(error, current)
      // The caller retries or answers 503 without logging the cause, so it is reported here.
      if (fault instanceof StoreUnavailable && !this.#isLost) this.#faults.failed(COMMANDS, fault)
      throw fault
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
      this.#onLost(cause)
      void this.refresh()
      throw new StoreUnavailable('unreachable', { cause })
    }
  }

  /** Reads the topology of a cluster. If that fails, the known topology stays. */
  async refresh(): Promise<void> {
    // A MOVED reply to a command also updates the topology, but subscriptions and lost servers get no such reply.
    // `_slots` is a private interface of the library, so package.json pins its version and a test checks that it does.
    await this.#cluster?._slots.rediscover().catch(this.#onLost)
  }

  /** @throws StoreUnavailable unless every server answers */
  async ping(): Promise<void> {
    const current = this.#client
    try {
      const clients =
        this.#cluster === undefined
          ? [this.#client]
          : await withDeadline(Promise.all(this.#cluster.masters.map((master) => this.#cluster?.nodeClient(master))))
      await Promise.all(clients.map((client) => client && this.#send(client, () => client.ping())))
    } catch (error) {
      throw this.#toStoreFault(error, current)
    }
  }

  /** Whether `onLost` was called, and not `onBack` since. */
  get isLost(): boolean {
    return this.#isLost
  }

  close(): void {
    if (this.#cluster === undefined) this.#client.destroy()
    else this.#cluster.destroy()
  }

  async #evaluate(script: Script, tag: string, args: string[], as: 'bytes' | undefined): Promise<unknown> {
    const options = { keys: keysOf(tag), arguments: args }
    const mapping = as === 'bytes' ? BYTES : {}
    const target = this.#cluster?.withTypeMapping(mapping) ?? this.#client.withTypeMapping(mapping)
    try {
      return await target.evalSha(script.digest, options)
    } catch (error) {
      // The server has restarted and lost its script cache.
      if (!hasCode(error, 'NOSCRIPT')) throw error
      return await target.eval(script.source, options)
    }
  }

  /** While a cluster moves a slot, its keys can be split between two servers, and both reply TRYAGAIN. */
  async #evaluateDuringMigration(
    script: Script,
    tag: string,
    args: string[],
    as: 'bytes' | undefined
  ): Promise<unknown> {
    const deadline = performance.now() + SLOT_MIGRATION_MS.most
    for (;;) {
      try {
        return await this.#evaluate(script, tag, args, as)
      } catch (error) {
        if (!hasCode(error, 'TRYAGAIN') || performance.now() > deadline) throw error
        await sleep(SLOT_MIGRATION_MS.pause)
      }
    }
  }

  /** Writing resets the socket's idle timer, so nothing is sent to a server that is not answering. */
  async #send<Answer>(client: Client, command: () => Promise<Answer>): Promise<Answer> {
    if (this.#unresponsive.has(client)) throw new NoAnswer()
    return await withDeadline(command(), () => this.#pauseUntilAnswer(client))
  }

  /** Stops sending to this server until it answers a PING or its connection is closed by the idle timeout. */
  #pauseUntilAnswer(client: Client): void {
    if (this.#unresponsive.has(client)) return
    this.#unresponsive.add(client)
    const resume = (): void => {
      this.#unresponsive.delete(client)
      this.#onBack()
    }
    this.#onLost(new NoAnswer())
    // If the PING fails the connection is lost, and its `error` listener has been called.
    client.ping().then(resume, () => this.#unresponsive.delete(client))
  }

  #toStoreFault(error: unknown, client: Client): unknown {
    if (error instanceof StoreUnavailable || PROGRAMMING_ERRORS.some((kind) => error instanceof kind)) return error
    if (!(error instanceof ErrorReply)) return new StoreUnavailable('unreachable', { cause: error })
    const code = errorCode(error)
    if (code === 'OOM') return new StoreUnavailable('full', { cause: error })
    // This server is no longer the master. The address may lead to the new master by now.
    if (code === 'READONLY') this.#reconnect(client)
    return isRetryable(error) ? new StoreUnavailable('unreachable', { cause: error }) : error
  }

  #reconnect(client: Client): void {
    // If many commands fail at once, only the first one reconnects.
    if (this.#cluster !== undefined || client !== this.#client) return
    this.#client.destroy()
    this.#client = clientOf(this.#options)
    this.#observe(this.#client)
    // The client retries until it is connected. Its errors reach the `error` listener.
    this.#client.connect().catch(this.#onLost)
  }

  #observe(client: Client): void {
    client.on('error', this.#onLost).on('ready', this.#onBack)
  }

  readonly #onLost = (cause: unknown): void => {
    if (!this.#isLost) this.hooks.onLost(cause)
    this.#isLost = true
  }

  readonly #onBack = (): void => {
    if (this.#isLost) this.hooks.onBack()
    this.#isLost = false
  }
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

/** The first key of a chat and the name of its channel. `chat.lua` describes all keys. */
export function chatKey(tag: string): string {
  return `silly-chat:{${tag}}`
}

/** The tag in the name of a channel. */
export function tagIn(channel: string): string {
  return channel.slice('silly-chat:{'.length, -1)
}

/** The keys of a chat, in the order in which the scripts expect them. */
export function keysOf(tag: string): string[] {
  const chat = chatKey(tag)
  return [chat, ...['messages', 'joins', 'posts', 'requests', 'changes'].map((part) => `${chat}:${part}`)]
}

const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer }

type Options = ReturnType<typeof optionsOf>
type Cluster = ReturnType<typeof clusterOf>

function optionsOf(url: string) {
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

function clientOf(options: Options) {
  return createClient(options)
}

function clusterOf({ url, ...defaults }: Options) {
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

/** The reply to INFO. Waits for the server to start. */
async function firstInfo(options: Options, url: string): Promise<string> {
  const deadline = performance.now() + START_DEADLINE_MS
  for (;;) {
    const client = createClient({ ...options, socket: { ...options.socket, reconnectStrategy: false } })
    client.on('error', () => undefined) // `connect` rejects with the same error
    try {
      await client.connect()
      return await client.info('server')
    } catch (error) {
      const isRefusal = error instanceof ErrorReply && !error.message.startsWith('LOADING')
      if (isRefusal || performance.now() > deadline) {
        throw new ServerRefused(`The store at ${hostOf(url)} cannot be reached: ${reasonOf(error)}.`)
      }
      await sleep(START_RETRY_MS)
    } finally {
      client.destroy()
    }
  }
}

/** Without the password. */
function hostOf(url: string): string {
  return new URL(url).host
}

function reasonOf(error: unknown): string {
  return error instanceof AggregateError
    ? reasonOf(error.errors[0])
    : error instanceof Error
      ? error.message
      : `${error}`
}

function valueIn(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? ''
}
