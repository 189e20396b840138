/**
 * The way to Redis or Valkey, a single server or a cluster.
 *
 * A command that gets no answer is given up after a while, and until its server answers again nothing more is asked of
 * it. What was under way when a server was lost may have been done or not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, createCluster, ErrorReply, RESP_TYPES } from 'redis'
import { StoreUnavailable } from '../../chat/store.ts'
import { type FaultHooks, RetriedFaults } from '../retried-faults.ts'
import { type Reply, readReply } from './replies.ts'
import type { Script } from './scripts.ts'

/** How long a server may take to answer. */
export const COMMAND_DEADLINE_MS = 3000
/** A connection that is silent for so long, though it is asked every second, is given up. */
const SILENCE_MS = 5000
const PING_MS = 1000
const CONNECT_DEADLINE_MS = 3000
/** When a connection that was lost is tried again: soon, then ever later, and not by all at the same moment. */
const RECONNECT_MS = { first: 50, most: 1000, spread: 100 }
/** By when there must be a server at the start. */
const START_DEADLINE_MS = 10_000
const START_RETRY_MS = 250
const MIN_VERSION = 7
/** The work of which faults are reported. */
const COMMANDS = 'commands'
/** For how long a chat may be on its way from one server to another, and how often it is looked whether it is there. */
const MOVING_MS = { most: 2000, pause: 50 }

/** The first words of what a server says that cannot do its work at the moment. Others are faults of ours. */
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

/** What is wrong with the server that STORE_URL names. */
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
  /** The servers that have left a command without an answer. */
  readonly #silent = new WeakSet<Client>()
  readonly #faults: RetriedFaults
  #isLost = false

  private constructor(options: Options, client: Client, cluster: Cluster | undefined, hooks: ServerHooks) {
    this.#options = options
    this.hooks = hooks
    this.#faults = new RetriedFaults(hooks)
    this.#client = client
    this.#cluster = cluster
    if (cluster === undefined) this.#listen(client)
    else cluster.on('error', this.#lost).on('node-error', this.#lost).on('node-ready', this.#back)
  }

  /** @throws ServerRefused if there is no server, or none that will do */
  static async open(url: string, hooks: ServerHooks): Promise<RedisServer> {
    const options = optionsOf(url)
    const info = await firstInfo(options, url)
    const version = valueIn(info, 'redis_version')
    if (Number.parseInt(version, 10) < MIN_VERSION) {
      throw new ServerRefused(
        `${hostOf(url)} is Redis ${version}: Silly Chat needs ${MIN_VERSION} or newer, or Valkey.`
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
   * Runs a script on the keys of a chat, in one round trip; `bytes` for texts that are to come as bytes.
   * @throws StoreUnavailable
   */
  async run(script: Script, tag: string, args: readonly (string | number)[], as?: 'bytes'): Promise<Reply> {
    const asked = this.#client
    try {
      const client = await this.clientFor(tag)
      const reply = readReply(await this.#ask(client, () => this.#evaluateAnywhere(script, tag, args.map(String), as)))
      this.#faults.ended(COMMANDS)
      return reply
    } catch (error) {
      const fault = this.#explain(error, asked)
      // Who is answered with it is told why in the log; open streams wait for as long as it takes, and say nothing.
      if (fault instanceof StoreUnavailable && !this.#isLost) this.#faults.failed(COMMANDS, fault)
      throw fault
    }
  }

  /**
   * The connection to the server that has this chat, as far as is known.
   * @throws StoreUnavailable
   */
  async clientFor(tag: string): Promise<Client> {
    if (this.#cluster === undefined) return this.#client
    try {
      return await withDeadline(this.#cluster.getNodeClientForKey(chatKey(tag)))
    } catch (cause) {
      this.#lost(cause)
      void this.refresh()
      throw new StoreUnavailable('unreachable', { cause })
    }
  }

  /** Asks a cluster which of its servers has what; if that fails, what was known stands. */
  async refresh(): Promise<void> {
    // Commands that are sent to the wrong server bring it to light too, but subscriptions and lost servers do not.
    // `_slots` is no public interface of the library: its version is pinned in package.json, and a test watches that.
    await this.#cluster?._slots.rediscover().catch(this.#lost)
  }

  /** @throws StoreUnavailable unless every server answers */
  async ping(): Promise<void> {
    const asked = this.#client
    try {
      const clients =
        this.#cluster === undefined
          ? [this.#client]
          : await withDeadline(Promise.all(this.#cluster.masters.map((master) => this.#cluster?.nodeClient(master))))
      await Promise.all(clients.map((client) => client && this.#ask(client, () => client.ping())))
    } catch (error) {
      throw this.#explain(error, asked)
    }
  }

  /** Whether `onLost` was told so, and nothing else since. */
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
      // A server that was started meanwhile.
      if (!isReply(error, 'NOSCRIPT')) throw error
      return await target.eval(script.source, options)
    }
  }

  /** Until all keys of a chat that moves from one server of a cluster to another have arrived, neither can do anything. */
  async #evaluateAnywhere(script: Script, tag: string, args: string[], as: 'bytes' | undefined): Promise<unknown> {
    const deadline = performance.now() + MOVING_MS.most
    for (;;) {
      try {
        return await this.#evaluate(script, tag, args, as)
      } catch (error) {
        if (!isReply(error, 'TRYAGAIN') || performance.now() > deadline) throw error
        await sleep(MOVING_MS.pause)
      }
    }
  }

  /** Every word that is sent would put off that a connection is given up for its silence. */
  async #ask<Answer>(client: Client, question: () => Promise<Answer>): Promise<Answer> {
    if (this.#silent.has(client)) throw new NoAnswer()
    return await withDeadline(question(), () => this.#waitFor(client))
  }

  /** Nothing is asked of this server until it answers, or its connection is given up for its silence. */
  #waitFor(client: Client): void {
    if (this.#silent.has(client)) return
    this.#silent.add(client)
    const again = (): void => {
      this.#silent.delete(client)
      this.#back()
    }
    this.#lost(new NoAnswer())
    client.ping().then(again, () => this.#silent.delete(client)) // lost by now, as its listener has heard
  }

  #explain(error: unknown, asked: Client): unknown {
    if (error instanceof StoreUnavailable || FAULTS_OF_OURS.some((kind) => error instanceof kind)) return error
    if (!(error instanceof ErrorReply)) return new StoreUnavailable('unreachable', { cause: error })
    const word = wordOf(error)
    if (word === 'OOM') return new StoreUnavailable('full', { cause: error })
    // It was the master when we connected; the address may lead to another one by now.
    if (word === 'READONLY') this.#reconnect(asked)
    return isRetryable(error) ? new StoreUnavailable('unreachable', { cause: error }) : error
  }

  #reconnect(asked: Client): void {
    // Of many that are refused at once the first does it.
    if (this.#cluster !== undefined || asked !== this.#client) return
    this.#client.destroy()
    this.#client = clientOf(this.#options)
    this.#listen(this.#client)
    // It tries until it is there; what is wrong is heard by its listener.
    this.#client.connect().catch(this.#lost)
  }

  #listen(client: Client): void {
    client.on('error', this.#lost).on('ready', this.#back)
  }

  readonly #lost = (cause: unknown): void => {
    if (!this.#isLost) this.hooks.onLost(cause)
    this.#isLost = true
  }

  readonly #back = (): void => {
    if (this.#isLost) this.hooks.onBack()
    this.#isLost = false
  }
}

class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Whether it may pass by itself: what is wrong with a connection does, and some of what a server says. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof ErrorReply) return TRANSIENT_ERRORS.has(wordOf(error))
  return !FAULTS_OF_OURS.some((kind) => error instanceof kind)
}

const FAULTS_OF_OURS = [TypeError, RangeError, ReferenceError, SyntaxError]

function wordOf({ message }: ErrorReply): string {
  return message.split(' ', 1)[0] ?? ''
}

function isReply(error: unknown, word: string): boolean {
  return error instanceof ErrorReply && error.message.startsWith(`${word} `)
}

async function withDeadline<Answer>(answer: Promise<Answer>, onLate?: () => void): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onLate?.()
      reject(new NoAnswer())
    }, COMMAND_DEADLINE_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The name of the first key of a chat, given its tag, and of its channel. What stands under each is told in `chat.lua`. */
export function chatKey(tag: string): string {
  return `silly-chat:{${tag}}`
}

/** The tag in the name of a channel. */
export function tagIn(channel: string): string {
  return channel.slice('silly-chat:{'.length, -1)
}

function keysOf(tag: string): string[] {
  const chat = chatKey(tag)
  return [chat, `${chat}:messages`, `${chat}:joins`, `${chat}:posts`]
}

const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer }

type Options = ReturnType<typeof optionsOf>
type Cluster = ReturnType<typeof clusterOf>

function optionsOf(url: string) {
  return {
    url,
    RESP: 3 as const,
    // What cannot be done now is answered now.
    disableOfflineQueue: true,
    // Ours is for the answer, not for the place in the queue.
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
    // Otherwise one server that is not there would hold up finding out about all of them.
    minimizeConnections: true,
    // When a server is lost, whoever has taken over is looked for so soon.
    topologyRefreshOnReconnectionAttemptStrategy: RECONNECT_MS.first
  })
}

/** What the server says of itself, once it is there. */
async function firstInfo(options: Options, url: string): Promise<string> {
  const deadline = performance.now() + START_DEADLINE_MS
  for (;;) {
    const client = createClient({ ...options, socket: { ...options.socket, reconnectStrategy: false } })
    client.on('error', () => undefined) // `connect` rejects with it, too
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
