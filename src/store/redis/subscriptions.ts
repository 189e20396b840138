/**
 * Subscriptions to the channels of chats (sharded Pub/Sub, Redis 7), each on a connection to the server that has the chat.
 * A lost subscription is renewed until it succeeds. `onRenewed` then tells the owner to check what it has missed. Nothing here
 * proves that a subscription works: `position-checks.ts` finds those that do not.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { type ChatTag, chatTag } from '../../chat/ids.ts'
import { StoreUnavailable } from '../../chat/store.ts'
import { RetriedFaults } from '../retried-faults.ts'
import { type Client, COMMAND_DEADLINE_MS, isRetryable } from './connection.ts'
import { chatKey, tagIn } from './keys.ts'
import type { RedisServer } from './server.ts'

const RETRY_MS = { first: 50, most: 1000 }
/** Subscriptions that are renewed concurrently. */
const MAX_CONCURRENT_RENEWALS = 100
/** How often to check whether chats have moved to another server. */
const CHECK_MS = 5000
/** Subscriptions that are checked before the event loop continues with other work. */
const CHECKS_PER_TURN = 1000
/** Names in `RetriedFaults` for work that is not about one chat. */
const ADDING = 'subscribing'
const FINDING = 'finding moved chats'

export interface SubscriptionHooks {
  /** A message has arrived on the channel of a chat. */
  readonly onMessage: (tag: ChatTag, text: string) => void
  /** A lost subscription works again. Messages published in the meantime are lost. */
  readonly onRenewed: (tag: ChatTag) => void
}

interface Subscription {
  /** Its connection; undefined while it is lost. */
  client: Client | undefined
  /** How often it was lost, to detect a loss while it is being renewed. */
  losses: number
}

export class Subscriptions {
  readonly #server: RedisServer
  readonly #hooks: SubscriptionHooks
  readonly #subscriptions = new Map<ChatTag, Subscription>()
  /** For each connection for commands the connection for subscriptions to the same server. */
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
   * After this resolves every message on the channel is received.
   * @throws StoreUnavailable if a retry can succeed
   */
  async add(tag: ChatTag): Promise<void> {
    const subscription: Subscription = { client: undefined, losses: 0 }
    this.#subscriptions.set(tag, subscription)
    try {
      await this.#subscribe(tag, subscription, await this.#server.clientFor(tag))
      this.#faults.ended(ADDING)
    } catch (cause) {
      void this.#server.locate(tag)
      if (this.#subscriptions.get(tag) === subscription) this.remove(tag)
      if (!isRetryable(cause)) throw cause
      // The caller retries without logging the cause, so it is reported here.
      this.#failed(ADDING, cause)
      throw new StoreUnavailable('unreachable', { cause })
    }
  }

  /** For a chat of which messages did not arrive. */
  renew(tag: ChatTag): void {
    this.#renew([tag])
  }

  remove(tag: ChatTag): void {
    const subscription = this.#subscriptions.get(tag)
    this.#subscriptions.delete(tag)
    this.#resolved(tag)
    if (subscription?.client !== undefined) this.#unsubscribe(tag, subscription.client)
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#check)
    this.#subscriptions.clear()
    this.#lost.clear()
    for (const connecting of this.#subscriberConnections.values()) {
      connecting.then(
        (client) => client.destroy(),
        () => undefined // it never connected, which was reported to the caller of `#connectionTo`
      )
    }
  }

  async #subscribe(tag: ChatTag, subscription: Subscription, server: Client): Promise<void> {
    const client = await this.#connectionTo(server)
    const { losses } = subscription
    // Subscribing resets the socket's idle timer, so a server that does not answer is detected here.
    const deadline = setTimeout(() => client.isOpen && this.#drop(server, client), COMMAND_DEADLINE_MS)
    try {
      await client.sSubscribe(chatKey(tag), this.#onMessage)
    } finally {
      clearTimeout(deadline)
    }
    // The reply can be followed at once by the message that the chat has moved.
    if (!client.isReady || subscription.losses !== losses) throw new Error('the subscription was lost meanwhile')
    const current = this.#subscriptions.get(tag)
    if (current === subscription) subscription.client = client
    else if (current === undefined) this.#unsubscribe(tag, client)
  }

  #unsubscribe(tag: ChatTag, client: Client): void {
    // Fails only if the connection is lost, and then nothing is received on it anyway.
    client.sUnsubscribe(chatKey(tag), this.#onMessage).catch(() => undefined)
  }

  readonly #onMessage = (text: string, channel: string): void => {
    const tag = chatTag(tagIn(channel))
    if (this.#subscriptions.has(tag)) this.#hooks.onMessage(tag, text)
  }

  #connectionTo(server: Client): Promise<Client> {
    const existing = this.#subscriberConnections.get(server)
    if (existing !== undefined) return existing
    if (this.#isClosed) return Promise.reject(new Error('the store is closed'))
    const { socket } = server.options
    const client = server.duplicate({ socket: { ...socket, reconnectStrategy: false } })
    // The error itself is reported only if renewing the subscriptions fails.
    client.on('error', () => this.#drop(server, client))
    client.on('sharded-channel-moved', (channel: string) => this.#renew([chatTag(tagIn(channel))]))
    const connecting = client.connect()
    this.#subscriberConnections.set(server, connecting)
    connecting.catch(() => this.#drop(server, client))
    return connecting
  }

  #drop(server: Client, client: Client): void {
    this.#subscriberConnections.delete(server)
    client.destroy()
    this.#renew(this.#tagsOn(client))
  }

  /** Finds chats whose slot was moved or whose server was replaced, as far as a command has noticed that. */
  async #findMoved(): Promise<void> {
    if (this.#isChecking || this.#subscriptions.size === 0) return
    this.#isChecking = true
    try {
      for (const [server, connecting] of this.#subscriberConnections) {
        // Its `error` listener has been called if it could not connect.
        const client = await connecting.catch(() => undefined)
        if (client !== undefined && !server.isOpen) this.#drop(server, client)
      }
      let checked = 0
      for (const [tag, { client }] of this.#subscriptions) {
        if (client !== undefined && (await this.#connectionOf(tag)) !== client) this.#renew([tag])
        if (++checked % CHECKS_PER_TURN === 0) await nextTurn()
      }
      this.#faults.ended(FINDING)
    } catch (error) {
      this.#failed(FINDING, error)
    } finally {
      this.#isChecking = false
    }
  }

  #tagsOn(client: Client): ChatTag[] {
    return [...this.#subscriptions].flatMap(([tag, subscription]) => (subscription.client === client ? [tag] : []))
  }

  /** The connection that this chat should be subscribed on, if it exists. */
  async #connectionOf(tag: ChatTag): Promise<Client | undefined> {
    try {
      return await this.#subscriberConnections.get(await this.#server.clientFor(tag))
    } catch (error) {
      // The chat's server is unknown or unreachable at the moment.
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
        // After the first failure on a server its other chats wait for the next round.
        const down = new Set<Client>()
        const renewNext = async (): Promise<void> => {
          for (let next = rest.next(); !next.done; next = rest.next()) await this.#renewOne(next.value, down)
        }
        await Promise.all(Array.from({ length: MAX_CONCURRENT_RENEWALS }, renewNext))
      }
    } finally {
      this.#isRenewing = false
    }
  }

  async #renewOne(tag: ChatTag, down: Set<Client>): Promise<void> {
    const subscription = this.#subscriptions.get(tag)
    if (subscription === undefined) {
      this.#resolved(tag)
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
      // So that the next round finds a chat that has moved.
      await this.#server.locate(tag)
      return
    }
    if (this.#subscriptions.get(tag) !== subscription) return
    this.#resolved(tag)
    if (subscription.client !== undefined) this.#hooks.onRenewed(tag)
  }

  #resolved(tag: ChatTag): void {
    this.#lost.delete(tag)
    this.#faults.ended(tag)
  }

  /** Lost subscriptions are not reported while the server itself is reported as lost. */
  #failed(work: string, error: unknown): void {
    const isTransient = isRetryable(error)
    if (!isTransient || !this.#server.isLost) this.#faults.failed(work, error, isTransient)
  }
}
