/**
 * Subscriptions to the channels of chats (sharded publish/subscribe, Redis 7): each on a connection to the server that has
 * the chat. One that was lost is made anew until it is there, and its owner told, who then has to read what was missed.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { type ChatTag, chatTag } from '../../chat/ids.ts'
import { StoreUnavailable } from '../../chat/store.ts'
import { RetriedFaults } from '../retried-faults.ts'
import { type Client, COMMAND_DEADLINE_MS, chatKey, isRetryable, type RedisServer, tagIn } from './server.ts'

const RETRY_MS = { first: 50, most: 1000 }
/** How many subscriptions are made anew at once. */
const AT_ONCE = 100
/** How often it is looked whether chats have moved to another server. */
const CHECK_MS = 5000
/** How many are looked at before other work has its turn. */
const CHECKED_A_TURN = 1000
/** Works that are not about one chat. */
const ADDING = 'subscribing'
const VERIFYING = 'verifying connections'
const FINDING = 'finding moved chats'

export interface SubscriptionHooks {
  /** Something was told on the channel of a chat. */
  readonly onMessage: (tag: ChatTag, text: string) => void
  /** A subscription is there again; what was told meanwhile is lost. */
  readonly onRenewed: (tag: ChatTag) => void
}

interface Subscription {
  /** The connection it is on; undefined while it is on none. */
  client: Client | undefined
  /** How often it was lost. */
  losses: number
}

export class Subscriptions {
  readonly #server: RedisServer
  readonly #hooks: SubscriptionHooks
  readonly #subscriptions = new Map<ChatTag, Subscription>()
  /** The subscribed connection beside each connection for commands. */
  readonly #subscriberConnections = new Map<Client, Promise<Client>>()
  readonly #lost = new Set<ChatTag>()
  readonly #check: NodeJS.Timeout
  readonly #faults: RetriedFaults
  #isRenewing = false
  #isChecking = false
  #isClosed = false

  constructor(server: RedisServer, hooks: SubscriptionHooks) {
    this.#server = server
    this.#hooks = hooks
    this.#faults = new RetriedFaults(server.hooks)
    this.#check = setInterval(() => this.#findMoved(), CHECK_MS)
    this.#check.unref()
  }

  /**
   * Resolves once everything is heard that is told from now on.
   * @throws StoreUnavailable if that may pass
   */
  async add(tag: ChatTag): Promise<void> {
    const subscription: Subscription = { client: undefined, losses: 0 }
    this.#subscriptions.set(tag, subscription)
    try {
      await this.#subscribe(tag, subscription, await this.#server.clientFor(tag))
      this.#faults.ended(ADDING)
    } catch (cause) {
      void this.#server.refresh()
      if (this.#subscriptions.get(tag) === subscription) this.remove(tag)
      if (!isRetryable(cause)) throw cause
      // Whoever wants to watch tries again as long as it takes, and says nothing.
      this.#failed(ADDING, cause)
      throw new StoreUnavailable('unreachable', { cause })
    }
  }

  remove(tag: ChatTag): void {
    const subscription = this.#subscriptions.get(tag)
    this.#subscriptions.delete(tag)
    this.#found(tag)
    if (subscription?.client !== undefined) this.#unsubscribe(tag, subscription.client)
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#check)
    this.#subscriptions.clear()
    this.#lost.clear()
    for (const link of this.#subscriberConnections.values()) {
      link.then(
        (client) => client.destroy(),
        () => undefined // it was never there, which whoever asked for it was told
      )
    }
  }

  async #subscribe(tag: ChatTag, subscription: Subscription, server: Client): Promise<void> {
    const client = await this.#linkTo(server)
    const { losses } = subscription
    // Every word that is sent would put off that a connection is given up for its silence.
    const late = setTimeout(() => client.isOpen && this.#drop(server, client), COMMAND_DEADLINE_MS)
    try {
      await client.sSubscribe(chatKey(tag), this.#hear)
    } finally {
      clearTimeout(late)
    }
    // That a chat has moved may be told in the same breath.
    if (!client.isReady || subscription.losses !== losses) throw new Error('it was lost meanwhile')
    const wanted = this.#subscriptions.get(tag)
    if (wanted === subscription) subscription.client = client
    else if (wanted === undefined) this.#unsubscribe(tag, client)
  }

  #unsubscribe(tag: ChatTag, client: Client): void {
    client.sUnsubscribe(chatKey(tag), this.#hear).catch(() => undefined) // an error of its connection, on which nothing is heard then anyway
  }

  readonly #hear = (text: string, channel: string): void => {
    const tag = chatTag(tagIn(channel))
    if (this.#subscriptions.has(tag)) this.#hooks.onMessage(tag, text)
  }

  #linkTo(server: Client): Promise<Client> {
    const known = this.#subscriberConnections.get(server)
    if (known !== undefined) return known
    if (this.#isClosed) return Promise.reject(new Error('the store is closed'))
    const { socket } = server.options
    const client = server.duplicate({ socket: { ...socket, reconnectStrategy: false } })
    // Its cause is told if the subscriptions cannot be made anew.
    client.on('error', () => this.#drop(server, client))
    client.on('sharded-channel-moved', (channel: string) => this.#renew([chatTag(tagIn(channel))]))
    const link = client.connect()
    this.#subscriberConnections.set(server, link)
    link.catch(() => this.#drop(server, client))
    return link
  }

  #drop(server: Client, client: Client): void {
    this.#subscriberConnections.delete(server)
    client.destroy()
    this.#renew(this.#tagsOn(client))
  }

  /** Chats may have moved to another server, by themselves or since that one was lost. */
  async #findMoved(): Promise<void> {
    if (this.#isChecking || this.#subscriptions.size === 0) return
    this.#isChecking = true
    try {
      await this.#server.refresh()
      await Promise.all([...this.#subscriberConnections].map(([server, link]) => this.#verify(server, link)))
      let checked = 0
      for (const [tag, { client }] of this.#subscriptions) {
        if (client !== undefined && (await this.#linkOf(tag)) !== client) this.#renew([tag])
        if (++checked % CHECKED_A_TURN === 0) await nextTurn()
      }
      this.#faults.ended(FINDING)
    } catch (error) {
      this.#failed(FINDING, error)
    } finally {
      this.#isChecking = false
    }
  }

  /** Drops a connection that is of no use any more, or is not subscribed to all that it should be. */
  async #verify(server: Client, link: Promise<Client>): Promise<void> {
    try {
      const client = await link
      const tags = this.#tagsOn(client)
      // The client takes what it is told of a moved chat for an answer if it waits for one.
      const { ssub = 0 } = await client.clientInfo()
      const expected = tags.filter((tag) => this.#subscriptions.get(tag)?.client === client).length
      if (!server.isOpen || ssub < expected) this.#drop(server, client)
      this.#faults.ended(VERIFYING)
    } catch (error) {
      // A connection that is lost is dropped for that. But the server may also not let us ask.
      this.#failed(VERIFYING, error)
    }
  }

  #tagsOn(client: Client): ChatTag[] {
    return [...this.#subscriptions].flatMap(([tag, subscription]) => (subscription.client === client ? [tag] : []))
  }

  /** The connection on which this chat should be subscribed, if there is one. */
  async #linkOf(tag: ChatTag): Promise<Client | undefined> {
    try {
      return await this.#subscriberConnections.get(await this.#server.clientFor(tag))
    } catch (error) {
      // There is none, or its server is not known at the moment.
      this.#failed(FINDING, error)
      return undefined
    }
  }

  #renew(tags: readonly ChatTag[]): void {
    for (const tag of tags) {
      const subscription = this.#subscriptions.get(tag)
      if (subscription === undefined) continue
      if (subscription.client?.isReady) this.#unsubscribe(tag, subscription.client)
      subscription.client = undefined
      subscription.losses++
      this.#lost.add(tag)
    }
    if (this.#lost.size > 0 && !this.#isRenewing) this.#renewLost()
  }

  async #renewLost(): Promise<void> {
    this.#isRenewing = true
    try {
      for (
        let pause = RETRY_MS.first;
        this.#lost.size > 0 && !this.#isClosed;
        pause = Math.min(pause * 2, RETRY_MS.most)
      ) {
        await sleep(pause)
        const rest = this.#lost.values()
        // After the first chat of a server that cannot be had the others of it wait for the next round.
        const down = new Set<Client>()
        const renewNext = async (): Promise<void> => {
          for (let next = rest.next(); !next.done; next = rest.next()) await this.#renewOne(next.value, down)
        }
        await Promise.all(Array.from({ length: AT_ONCE }, renewNext))
      }
    } finally {
      this.#isRenewing = false
    }
  }

  async #renewOne(tag: ChatTag, down: Set<Client>): Promise<void> {
    const subscription = this.#subscriptions.get(tag)
    if (subscription === undefined) {
      this.#found(tag)
      return
    }
    let server: Client | undefined
    try {
      server = await this.#server.clientFor(tag)
      if (down.has(server)) return
      await this.#subscribe(tag, subscription, server)
    } catch (error) {
      this.#failed(tag, error)
      if (server !== undefined) down.add(server)
      // A chat that has moved is to be found by the next round.
      await this.#server.refresh()
      return
    }
    if (this.#subscriptions.get(tag) !== subscription) return
    this.#found(tag)
    if (subscription.client !== undefined) this.#hooks.onRenewed(tag)
  }

  #found(tag: ChatTag): void {
    this.#lost.delete(tag)
    this.#faults.ended(tag)
  }

  /** While the server itself is known to be lost, it is no news that subscriptions are. */
  #failed(work: string, error: unknown): void {
    const isTransient = isRetryable(error)
    if (!isTransient || !this.#server.isLost) this.#faults.failed(work, error, isTransient)
  }
}
