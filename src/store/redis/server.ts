/**
 * Redis or Valkey, a single server or a cluster: what is checked at the start and while it runs, and connections each for
 * small commands and for pages of logs, so that those who read much do not delay the others.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, ErrorReply } from 'redis'
import { StoreUnavailable } from '../../chat/store.ts'
import { type FaultHooks, RetriedFaults } from '../retried-faults.ts'
import { StoreClock } from './clock.ts'
import {
  type Client,
  type ClientOptions,
  Connection,
  clientOptions,
  evaluate,
  isRedirection,
  toStoreFault
} from './connection.ts'
import { LAYOUT_TAG } from './keys.ts'
import { PageConnections } from './page-connections.ts'
import { type Reply, readReply } from './replies.ts'
import { SCRIPTS, type Script } from './scripts.ts'

/** How long the start waits for a server. */
const START_DEADLINE_MS = 10_000
const START_RETRY_MS = 250
const MIN_VERSION = 7
/** The layout of chats that this version writes. It reads layout 1 as well. */
const LAYOUT = 2
/** Names of work in `RetriedFaults`. */
const COMMANDS = 'commands'
const PAGES = 'pages'

/** Why the server of STORE_URL cannot be used. */
class ServerRefused extends Error {
  override readonly name = 'ServerRefused'
}

export interface ServerHooks extends FaultHooks {
  readonly onLost: (cause: unknown) => void
  readonly onBack: () => void
  /** Something that the operator should change. */
  readonly onWarning?: (sentence: string) => void
}

export interface ServerOptions {
  /** What to do with a server that deletes chats when it is full. */
  readonly eviction?: 'refuse' | 'warn'
}

export class RedisServer {
  readonly hooks: ServerHooks
  readonly clock: StoreClock
  readonly #commands: Connection
  readonly #pages = new PageConnections()
  readonly #faults: RetriedFaults
  readonly #onReconnected: (() => void)[] = []
  /** The eviction policies that were found. */
  readonly #policies = new Set<string>()
  #isLost = false
  #isLayoutStored = false

  private constructor(options: ClientOptions, isCluster: boolean, hooks: ServerHooks) {
    this.hooks = hooks
    this.clock = new StoreClock((sentence) => hooks.onWarning?.(sentence))
    this.#faults = new RetriedFaults(hooks)
    this.#commands = new Connection(options, isCluster, {
      onLost: (cause) => this.#onLost(cause),
      onBack: () => this.#onBack()
    })
  }

  /** @throws ServerRefused if the server cannot be reached or must not be used */
  static async open(
    url: string,
    hooks: ServerHooks,
    { eviction = 'refuse' }: ServerOptions = {}
  ): Promise<RedisServer> {
    const options = clientOptions(url)
    const host = hostOf(url)
    const info = await firstInfo(options, url)
    const version = valueIn(info, 'redis_version')
    if (Number.parseInt(version, 10) < MIN_VERSION) {
      throw new ServerRefused(
        `${host} runs Redis ${version}. Silly Chat needs Redis ${MIN_VERSION} or newer, or Valkey.`
      )
    }
    const server = new RedisServer(options, valueIn(info, 'redis_mode') === 'cluster', hooks)
    try {
      await server.#connect(host)
      await server.#examine(host, eviction)
      await server.#settleLayout(host)
      return server
    } catch (error) {
      server.close()
      throw error
    }
  }

  /**
   * Runs a script on the keys of a chat, in one round trip.
   * @throws StoreUnavailable
   */
  run(script: Script, tag: string, args: readonly (string | number)[]): Promise<Reply> {
    return this.#reporting(COMMANDS, () => this.#commands.run(script, tag, args))
  }

  /**
   * The same for a script that returns a page of a log. With `bytes`, strings in the reply are Buffers.
   * @throws StoreUnavailable
   */
  runPage(script: Script, tag: string, args: readonly (string | number)[], as?: 'bytes'): Promise<Reply> {
    return this.#reporting(PAGES, () => this.#runPage(script, tag, args.map(String), as))
  }

  /**
   * The connection to the server that has this chat, as far as the cluster's topology is known.
   * @throws StoreUnavailable
   */
  clientFor(tag: string): Promise<Client> {
    return this.#commands.clientFor(tag)
  }

  /** Lets a cluster tell where this chat is now. */
  locate(tag: string): Promise<void> {
    return this.#commands.locate(tag)
  }

  /**
   * @throws StoreUnavailable unless every server can write
   * @throws Error if the clock of this process is wrong
   */
  async ping(): Promise<void> {
    if (!this.#isLayoutStored) await this.#settleLayout('The server')
    await this.#commands.onEachServer(async (client) => {
      const sentAt = Date.now()
      const time = Number(await evaluate(client, SCRIPTS.probe))
      this.clock.observe(sentAt, Date.now(), time)
    })
    await this.#lookForEviction()
    if (this.clock.fault !== undefined) throw new Error(this.clock.fault)
  }

  /** The policy can be changed while the server runs. Being not ready would lose more than Redis deletes, so it is a warning. */
  async #lookForEviction(): Promise<void> {
    await this.#commands.onEachServer(async (client) => {
      const policy = await evictionPolicy(client)
      if (policy === 'noeviction' || policy === '') return
      if (!this.#policies.has(policy))
        this.hooks.onWarning?.(`${deletesChats('The server', policy)} Set it to noeviction.`)
      this.#policies.add(policy)
    })
  }

  /** Whether `onLost` was called, and not `onBack` since. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Calls `listener` whenever the connection for commands works again. */
  onReconnected(listener: () => void): void {
    this.#onReconnected.push(listener)
  }

  close(): void {
    this.#commands.close()
    this.#pages.close()
  }

  async #connect(host: string): Promise<void> {
    try {
      await this.#commands.connect()
    } catch (error) {
      throw unreachable(host, error)
    }
  }

  /** Reads the time, and refuses servers that delete chats when they are full. A server that is away is not examined. */
  async #examine(host: string, eviction: 'refuse' | 'warn'): Promise<void> {
    try {
      await this.#commands.onEachServer(async (client) => {
        const sentAt = Date.now()
        const [seconds, microseconds] = await client.time()
        this.clock.observe(sentAt, Date.now(), Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000))
        this.#policies.add(await evictionPolicy(client))
      })
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
    for (const policy of this.#policies) {
      if (policy === 'noeviction') continue
      if (policy === '') {
        this.hooks.onWarning?.(
          `${host} does not tell its maxmemory-policy. It must be noeviction, or Redis deletes chats when it is full.`
        )
        continue
      }
      const deletes = deletesChats(host, policy)
      if (eviction === 'refuse') {
        throw new ServerRefused(`${deletes} Set it to noeviction, or set REDIS_EVICTION=warn to accept the losses.`)
      }
      this.hooks.onWarning?.(`${deletes} Set it to noeviction.`)
    }
  }

  /**
   * Records the layout that this version writes. If the server is away or read-only, the next ping tries again.
   * @throws ServerRefused if a newer version has written it
   */
  async #settleLayout(host: string): Promise<void> {
    try {
      const stored = await this.#commands.get(LAYOUT_TAG)
      if (stored !== null && !(Number(stored) <= LAYOUT)) {
        throw new ServerRefused(
          `${host} has chats of layout ${stored}, written by a newer version of Silly Chat. This version reads layouts up to ${LAYOUT}. Start that version again, or use another database.`
        )
      }
      if (stored !== `${LAYOUT}`) await this.#commands.run(SCRIPTS.layout, LAYOUT_TAG, [LAYOUT])
      this.#isLayoutStored = true
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
  }

  async #reporting(work: string, run: () => Promise<Reply>): Promise<Reply> {
    try {
      const reply = await run()
      this.#faults.ended(work)
      return reply
    } catch (error) {
      // The caller retries or answers 503 without logging the cause, so it is reported here.
      if (error instanceof StoreUnavailable && !this.isLost) this.#faults.failed(work, error)
      throw error
    }
  }

  async #runPage(script: Script, tag: string, args: string[], as: 'bytes' | undefined): Promise<Reply> {
    try {
      const server = await this.#commands.clientFor(tag)
      return readReply(await this.#pages.run(server, script, tag, args, as))
    } catch (error) {
      // The connection for commands follows redirections, and learns from them where the chat is.
      if (isRedirection(error)) return await this.#commands.run(script, tag, args)
      throw toStoreFault(error)
    }
  }

  #onLost(cause: unknown): void {
    if (!this.#isLost) this.hooks.onLost(cause)
    this.#isLost = true
  }

  #onBack(): void {
    if (!this.#isLost) return
    this.#isLost = false
    this.hooks.onBack()
    for (const listener of this.#onReconnected) listener()
  }
}

function deletesChats(host: string, policy: string): string {
  return `${host} has maxmemory-policy ${policy}, so it deletes chats when it is full.`
}

/** The server's `maxmemory-policy`; empty if it does not tell. */
async function evictionPolicy(client: Client): Promise<string> {
  try {
    return valueIn(await client.info('memory'), 'maxmemory_policy')
  } catch (error) {
    // Managed servers can forbid INFO.
    if (error instanceof ErrorReply) return ''
    throw error
  }
}

/** The reply to INFO. Waits for the server to start, and for a cluster until each slot has a server. */
async function firstInfo(options: ClientOptions, url: string): Promise<string> {
  const deadline = performance.now() + START_DEADLINE_MS
  for (;;) {
    const client = createClient({ ...options, socket: { ...options.socket, reconnectStrategy: false } })
    client.on('error', () => undefined) // `connect` rejects with the same error
    try {
      await client.connect()
      const info = await client.info('server')
      if (valueIn(info, 'redis_mode') === 'cluster' && !(await hasAllSlots(client))) {
        throw new Error('no server has some of the slots of the cluster')
      }
      return info
    } catch (error) {
      const isRefusal = error instanceof ErrorReply && !error.message.startsWith('LOADING')
      if (isRefusal || performance.now() > deadline) throw unreachable(hostOf(url), error)
      await sleep(START_RETRY_MS)
    } finally {
      client.destroy()
    }
  }
}

/** The library reads the topology again when a slot has moved, but not when a slot had no server at first. */
async function hasAllSlots(client: Client): Promise<boolean> {
  return valueIn(await client.clusterInfo(), 'cluster_slots_assigned') === '16384'
}

function unreachable(host: string, cause: unknown): ServerRefused {
  return new ServerRefused(`The store at ${host} cannot be reached: ${reasonOf(cause)}.`)
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
