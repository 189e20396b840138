/** Limits on what clients hold open at the same time: streams, waits, and answers that they do not take. */
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { LinkId, UserId } from '../../chat/ids.ts'
import { Problem } from '../../wire/problems.ts'
import { networkOf } from '../request/networks.ts'

export interface OpenBudgetOptions {
  /** For all clients together. */
  readonly total: number
  /** Whether each user id, network and link has a limit of its own. */
  readonly isLimited: boolean
}

const PER_USER = 16
/** The share of the total for one network, which is an IPv4 address or an IPv6 /64. */
const NETWORK_SHARE = 1 / 20
const MIN_PER_NETWORK = 64
/** For the guests of one link from one network, who need no approval to wait. */
const PER_LINK_AND_NETWORK = 64

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

/** Who holds something: without `user` a newcomer, with `link` a guest who is not a member yet. */
export interface Holder {
  readonly request: Pick<FastifyRequest, 'ip'>
  readonly user?: UserId | undefined
  readonly link?: LinkId | undefined
}

export class OpenBudget {
  readonly #options: OpenBudgetOptions
  readonly #limits: Readonly<Record<'user' | 'network' | 'link', number>>
  /** By user, network, and link with network; the first letter says which. */
  readonly #counts = new Map<string, number>()
  #open = 0

  constructor(options: OpenBudgetOptions) {
    this.#options = options
    this.#limits = {
      user: PER_USER,
      network: Math.max(MIN_PER_NETWORK, Math.floor(options.total * NETWORK_SHARE)),
      link: PER_LINK_AND_NETWORK
    }
  }

  /** What is open at the moment. */
  get open(): number {
    return this.#open
  }

  /**
   * Takes a place. The function that it returns gives the place back; it can be called more than once.
   * @throws Problem `too-many-streams`, `too-many-own-streams`
   */
  take(holder: Holder): () => void {
    const keys = this.#keysOf(holder)
    if (this.#open >= this.#options.total) throw new Problem('too-many-streams')
    if (keys.some(([key, limit]) => (this.#counts.get(key) ?? 0) >= limit)) throw new Problem('too-many-own-streams')
    this.#count(keys, 1)
    let isHeld = true
    return () => {
      if (isHeld) this.#count(keys, -1)
      isHeld = false
    }
  }

  #keysOf({ request: { ip }, user, link }: Holder): [key: string, limit: number][] {
    if (!this.#options.isLimited) return []
    const network = networkOf(ip)
    const keys: [string, number][] = [[`n ${network}`, this.#limits.network]]
    if (user !== undefined) keys.push([`u ${user}`, this.#limits.user])
    if (link !== undefined) keys.push([`l ${link} ${network}`, this.#limits.link])
    return keys
  }

  #count(keys: readonly [key: string, limit: number][], change: 1 | -1): void {
    this.#open += change
    for (const [key] of keys) {
      const count = (this.#counts.get(key) ?? 0) + change
      if (count > 0) this.#counts.set(key, count)
      else this.#counts.delete(key)
    }
  }
}
