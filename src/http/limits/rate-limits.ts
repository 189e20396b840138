/**
 * Limits on requests a minute. First per credential (a user id, or one link or chat from one network), so that people behind
 * one address do not use up each other's limits; then per network (an IPv4 address, an IPv6 /64), so that inventing ids
 * helps nobody. The README gives the reasons for the numbers. The page stays below them.
 */
import { hash } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestAsyncHookHandler,
  onRequestHookHandler
} from 'fastify'
import fp from 'fastify-plugin'
import type { Store } from '../../chat/store.ts'
import { Problem } from '../../wire/problems.ts'
import { networkOf } from '../request/networks.ts'
import { userIdInHead } from '../request/user-id.ts'

/** Requests a minute per credential (`own`) and per network. To create a chat or hand over nobody needs a credential. */
export const RATE_LIMITS = {
  'create-chat': { own: 60, network: 60 },
  'create-link': { own: 60, network: 600 },
  knock: { own: 60, network: 600 },
  post: { own: 600, network: 6000 },
  decide: { own: 600, network: 6000 },
  read: { own: 1200, network: 12_000 },
  stream: { own: 120, network: 6000 },
  'create-handover': { own: 60, network: 60 },
  'take-handover': { own: 60, network: 60 }
} as const satisfies Record<string, { own: number; network: number }>

/** Requests a minute per network for everything else: the page, its files, the documentation, unknown paths, preflights. */
export const OTHER_REQUESTS = 6000
/** Health checks have no limit. */
const EXEMPT = new Set<unknown>(['/health', '/ready'])

type LimitedWork = keyof typeof RATE_LIMITS

declare module 'fastify' {
  interface FastifyInstance {
    rateLimits: RateLimits
  }
}

export interface RateLimits {
  /** A route's hook that refuses requests beyond the limit of `work`; of requests with a user id, of `ofUsers`. */
  on(work: LimitedWork, ofUsers?: LimitedWork): onRequestHookHandler | onRequestAsyncHookHandler
  readonly areOn: boolean
}

const WINDOW_MS = 60_000

export const NO_LIMITS: RateLimits = {
  areOn: false,
  on: () => (_request, _reply, done) => done()
}

export interface RateLimitsOptions {
  readonly isOn: boolean
  readonly store: Store
}

/** Decorates the application with the limits that its routes apply, and limits all other requests. */
export const rateLimits = fp<RateLimitsOptions>(
  async (app, { isOn, store }) => {
    app.decorate('rateLimits', isOn ? await createRateLimits(app, store) : NO_LIMITS)
  },
  { name: 'rate-limits', dependencies: ['cors', 'base-url'] }
)

async function createRateLimits(app: FastifyInstance, store: Store): Promise<RateLimits> {
  const onFault = (err: unknown): void => app.log.error({ err }, 'rate limits are not shared with other processes')
  await app.register(rateLimit, { global: false, ...(store.count && { store: await sharedBy(store.count, onFault) }) })
  const limiter = (max: number, key: (request: FastifyRequest) => string) =>
    app.createRateLimit({
      max,
      timeWindow: WINDOW_MS,
      keyGenerator: (request) => hash('sha256', key(request), 'base64url')
    })
  const limit = (work: LimitedWork): onRequestAsyncHookHandler => {
    const { own, network } = RATE_LIMITS[work]
    const byOwn = limiter(own, (request) => `own ${work} ${credentialKey(request)}`)
    const byNetwork = limiter(network, (request) => `network ${work} ${networkOf(request.ip)}`)
    return async (request, reply) => {
      // A network that has used up its limit costs nothing more, whatever ids it invents.
      throwIfExhausted(await byNetwork(request, { increment: false }))
      const found = await byOwn(request)
      reply.headers(headersOf(found))
      throwIfExceeded(found)
      // A request that is refused for its credential does not count for its network.
      throwIfExceeded(await byNetwork(request))
    }
  }
  const byNetwork = limiter(OTHER_REQUESTS, (request) => `network other ${networkOf(request.ip)}`)
  app.addHook('onRequest', (request, _reply, next) => {
    const { url } = request.routeOptions
    const isRoute = !request.is404 && request.method !== 'OPTIONS'
    if (isRoute && (url?.startsWith('/v1/') || EXEMPT.has(url))) next()
    else
      byNetwork(request)
        .then(throwIfExceeded)
        .then(() => next(), next)
  })
  const all = new Map<LimitedWork, onRequestAsyncHookHandler>()
  const limitOf = (work: LimitedWork): onRequestAsyncHookHandler => {
    const known = all.get(work) ?? limit(work)
    all.set(work, known)
    return known
  }
  return {
    areOn: true,
    on: (work, ofUsers = work) => {
      const [limitNew, limitKnown] = [limitOf(work), limitOf(ofUsers)]
      return (request: FastifyRequest, reply: FastifyReply) =>
        (userIdInHead(request) === undefined ? limitNew : limitKnown).call(app, request, reply)
    }
  }
}

/** Imported lazily to keep the cold start short. */
async function sharedBy(count: NonNullable<Store['count']>, onFault: (error: unknown) => void) {
  const { sharedStore } = await import('./shared-counters.ts')
  return sharedStore(count, onFault)
}

type Found = Awaited<ReturnType<ReturnType<FastifyInstance['createRateLimit']>>>

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/06/ */
function headersOf(found: Found): Record<string, string> {
  if (found.isAllowed) return {}
  const { max, remaining, ttlInSeconds } = found
  return { 'ratelimit-limit': `${max}`, 'ratelimit-remaining': `${remaining}`, 'ratelimit-reset': `${ttlInSeconds}` }
}

function throwIfExceeded(found: Found): void {
  if (!found.isAllowed && found.isExceeded) refuse(found)
}

function throwIfExhausted(found: Found): void {
  if (!found.isAllowed && found.remaining === 0) refuse(found)
}

function refuse(found: Extract<Found, { isAllowed: false }>): never {
  const headers = { ...headersOf(found), 'retry-after': `${found.ttlInSeconds}` }
  throw new Problem('rate-limited', { headers })
}

/** The credential of a request: its user id or, from one network, the link or the chat, which many people may know. */
function credentialKey(request: FastifyRequest): string {
  const user = userIdInHead(request)
  if (user !== undefined && user !== 'malformed') return `user ${user}`
  const { params } = request
  return `at ${memberOf(params, 'link') ?? memberOf(params, 'chat') ?? ''} from ${networkOf(request.ip)}`
}

function memberOf(source: unknown, name: 'link' | 'chat'): string | undefined {
  if (typeof source !== 'object' || source === null) return undefined
  const value: unknown = Reflect.get(source, name)
  return value === undefined ? undefined : `${value}`
}
