/** What clients may hold open at the same time: streams, waits, and answers that they do not take. */

import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { digestOf, type UserDigest, type UserId } from '../../chat/ids.ts'
import { Problem } from '../../wire/problems.ts'
import { networkOf } from '../request/networks.ts'

export interface OpenBudgetOptions {
  /** Of all clients together. */
  readonly total: number
  /** Whether one user id and one network have limits of their own. */
  readonly isLimited: boolean
}

const PER_USER = 16
/** The share of the total that one network can hold, and what it can hold at least. */
const NETWORK_SHARE = 1 / 20
const MIN_PER_NETWORK = 64

declare module 'fastify' {
  interface FastifyInstance {
    openBudget: OpenBudget
  }
}

export const openBudget = fp<OpenBudgetOptions>(
  (app, options, done) => {
    app.decorate('openBudget', new OpenBudget(options))
    done()
  },
  { name: 'open-budget' }
)

export class OpenBudget {
  readonly #total: number
  readonly #perUser: number
  readonly #perNetwork: number
  readonly #ofUsers = new Map<UserDigest, number>()
  readonly #ofNetworks = new Map<string, number>()
  #open = 0

  constructor({ total, isLimited }: OpenBudgetOptions) {
    this.#total = total
    this.#perUser = isLimited ? PER_USER : Number.POSITIVE_INFINITY
    this.#perNetwork = isLimited
      ? Math.max(MIN_PER_NETWORK, Math.floor(total * NETWORK_SHARE))
      : Number.POSITIVE_INFINITY
  }

  /**
   * Takes one place for a request of this user; a newcomer has no user id yet. Call the returned function once to give it back.
   * @throws Problem `too-many-streams`, `too-many-own-streams`
   */
  take({ ip }: Pick<FastifyRequest, 'ip'>, user: UserId | undefined): () => void {
    const digest = user && digestOf(user)
    const network = networkOf(ip)
    if (this.#open >= this.#total) throw new Problem('too-many-streams')
    const ofUser = digest === undefined ? 0 : (this.#ofUsers.get(digest) ?? 0)
    const ofNetwork = this.#ofNetworks.get(network) ?? 0
    if (ofUser >= this.#perUser || ofNetwork >= this.#perNetwork) throw new Problem('too-many-own-streams')
    this.#count(digest, network, 1)
    let isTaken = true
    return () => {
      if (isTaken) this.#count(digest, network, -1)
      isTaken = false
    }
  }

  #count(user: UserDigest | undefined, network: string, change: 1 | -1): void {
    this.#open += change
    add(this.#ofNetworks, network, change)
    if (user !== undefined) add(this.#ofUsers, user, change)
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
