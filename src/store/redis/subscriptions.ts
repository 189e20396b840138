/**
 * Subscriptions to the channels of chats (sharded publish/subscribe, Redis 7): each on a connection to the server that has
 * the chat. One that was lost is made anew until it is there, and its owner told, who then has to read what was missed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChatTag, chatTag } from '../../ids.ts'
import { StoreUnavailable } from '../store.ts'
import { SCRIPTS } from './scripts.ts'
import { type Client, chatKey, type RedisServer, tagIn } from './server.ts'

const RETRY_MS = { first: 50, most: 1000 }
/** How many subscriptions are made anew at once. */
const AT_ONCE = 100
/** How often it is looked whether chats have moved to another server. */
const CHECK_MS = 5000

export interface SubscriptionHooks {
  /** Something was told on the channel of a chat. */
  readonly onNews: (tag: ChatTag, text: string) => void
  /** A subscription is there again; what was told meanwhile is lost. */
  readonly onRenewed: (tag: ChatTag) => void
}

interface Subscription {
  /** The connection it is on; undefined while it is on none. */
  client: Client | undefined
}

export class Subscriptions {
  readonly #server: RedisServer
  readonly #hooks: SubscriptionHooks
  readonly #subscriptions = new Map<ChatTag, Subscription>()
  /** The subscribed connection beside each connection for commands. */
  readonly #links = new Map<Client, Promise<Client>>()
  readonly #lost = new Set<ChatTag>()
  readonly #check: NodeJS.Timeout
  #isRenewing = false
  #isClosed = false

  constructor(server: RedisServer, hooks: SubscriptionHooks) {
    this.#server = server
    this.#hooks = hooks
    this.#check = setInterval(() => this.#findMoved(), CHECK_MS)
    this.#check.unref()
  }

  /**
   * Resolves once everything is heard that is told from now on.
   * @throws StoreUnavailable
   */
  async add(tag: ChatTag): Promise<void> {
    const subscription: Subscription = { client: undefined }
    this.#subscriptions.set(tag, subscription)
    try {
      await this.#subscribe(tag, subscription)
    } catch (cause) {
      if (this.#subscriptions.get(tag) === subscription) this.#subscriptions.delete(tag)
      throw new StoreUnavailable('unreachable', { cause })
    }
  }

  remove(tag: ChatTag): void {
    const subscription = this.#subscriptions.get(tag)
    this.#subscriptions.delete(tag)
    this.#lost.delete(tag)
    if (subscription?.client !== undefined) this.#unsubscribe(tag, subscription.client)
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#check)
    for (const link of this.#links.values()) {
      link.then(
        (client) => client.destroy(),
        () => undefined
      )
    }
  }

  async #subscribe(tag: ChatTag, subscription: Subscription): Promise<void> {
    const client = await this.#linkTo(await this.#server.clientFor(tag))
    await client.sSubscribe(chatKey(tag), this.#hear)
    if (!client.isReady) throw new Error('the connection was lost meanwhile')
    const wanted = this.#subscriptions.get(tag)
    if (wanted === subscription) subscription.client = client
    else if (wanted === undefined) this.#unsubscribe(tag, client)
  }

  #unsubscribe(tag: ChatTag, client: Client): void {
    client.sUnsubscribe(chatKey(tag), this.#hear).catch(() => undefined) // then the connection is lost anyway
  }

  readonly #hear = (text: string, channel: string): void => {
    const tag = chatTag(tagIn(channel))
    if (this.#subscriptions.has(tag)) this.#hooks.onNews(tag, text)
  }

  #linkTo(server: Client): Promise<Client> {
    const known = this.#links.get(server)
    if (known !== undefined) return known
    const { socket } = server.options
    const client = server.duplicate({ socket: { ...socket, reconnectStrategy: false } })
    client.on('error', () => this.#drop(server, client))
    client.on('sharded-channel-moved', (channel: string) => this.#renew([chatTag(tagIn(channel))]))
    const link = client.connect()
    this.#links.set(server, link)
    link.catch(() => this.#drop(server, client))
    return link
  }

  #drop(server: Client, client: Client): void {
    this.#links.delete(server)
    client.destroy()
    this.#renew(
      [...this.#subscriptions].flatMap(([tag, subscription]) => (subscription.client === client ? [tag] : []))
    )
  }

  /** Chats may have moved to another server, by themselves or since that one was lost. */
  async #findMoved(): Promise<void> {
    const moved: ChatTag[] = []
    const asked = new Set<Client>()
    for (const [tag, { client }] of this.#subscriptions) {
      if (client === undefined) continue
      // Asking a server for one of its chats brings to light where they are now.
      if (!asked.has(client) && this.#server.isCluster)
        await this.#server.run(SCRIPTS.head, tag, []).catch(() => undefined)
      asked.add(client)
      if ((await this.#linkOf(tag)) !== client) moved.push(tag)
    }
    this.#renew(moved)
  }

  /** The connection on which this chat should be subscribed, if there is one. */
  async #linkOf(tag: ChatTag): Promise<Client | undefined> {
    try {
      return await this.#links.get(await this.#server.clientFor(tag))
    } catch {
      return undefined
    }
  }

  #renew(tags: readonly ChatTag[]): void {
    for (const tag of tags) {
      const subscription = this.#subscriptions.get(tag)
      if (subscription === undefined) continue
      if (subscription.client?.isReady) this.#unsubscribe(tag, subscription.client)
      subscription.client = undefined
      this.#lost.add(tag)
    }
    if (this.#lost.size > 0 && !this.#isRenewing) this.#renewLost()
  }

  async #renewLost(): Promise<void> {
    this.#isRenewing = true
    for (
      let pause = RETRY_MS.first;
      this.#lost.size > 0 && !this.#isClosed;
      pause = Math.min(pause * 2, RETRY_MS.most)
    ) {
      await sleep(pause)
      const rest = this.#lost.values()
      // After the first that cannot be had the others wait for the next round.
      let isThere = true
      const renewNext = async (): Promise<void> => {
        for (let next = rest.next(); isThere && !next.done; next = rest.next()) {
          isThere = await this.#renewOne(next.value)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, renewNext))
    }
    this.#isRenewing = false
  }

  async #renewOne(tag: ChatTag): Promise<boolean> {
    const subscription = this.#subscriptions.get(tag)
    if (subscription === undefined) return true
    try {
      await this.#subscribe(tag, subscription)
    } catch {
      return false
    }
    this.#lost.delete(tag)
    if (subscription.client !== undefined) this.#hooks.onRenewed(tag)
    return true
  }
}
