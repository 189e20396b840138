/** The application: its parts, in the order in which a request passes through them. */
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createService, type Service } from '../chat/service.ts'
import { DoorStats } from '../chat/stats.ts'
import type { Store } from '../chat/store.ts'
import type { Settings } from '../cli/settings.ts'
import { Hub } from '../streams/hub.ts'
import type { ServerInfo } from '../wire/schemas/server.ts'
import { type OpenBudget, openBudget } from './limits/open-budget.ts'
import { overload } from './limits/overload.ts'
import { type RateLimits, rateLimits } from './limits/rate-limits.ts'
import { baseUrl } from './request/base-url.ts'
import { crossSite } from './request/cross-site.ts'
import { jsonBody, MAX_BODY_BYTES } from './request/json-body.ts'
import { knownPaths, MAX_URL_LENGTH } from './request/known-paths.ts'
import { misplacedInput } from './request/member-names.ts'
import { PAGE_PATH, wantsWebPage } from './request/page-requests.ts'
import { expandInvitation, normalizeTarget } from './request/request-target.ts'
import { trustOf, untrustedProxies } from './request/untrusted-proxies.ts'
import { userIds } from './request/user-id.ts'
import { addValidation, WITHOUT_AJV } from './request/validation.ts'
import { crossOrigin, crossOriginHeaders } from './response/cors.ts'
import { problems } from './response/error-handler.ts'
import { securityHeaders, securityHeadersFor } from './response/security-headers.ts'
import { approvalRoutes } from './routes/approval.ts'
import { chatRoutes } from './routes/chats.ts'
import { addDocs } from './routes/docs.ts'
import { handoverRoutes } from './routes/handovers.ts'
import { healthRoutes } from './routes/health.ts'
import { linkRoutes } from './routes/links.ts'
import { serverInfoOf, serverRoutes } from './routes/server.ts'
import { addWeb, readNotFoundPage } from './routes/web.ts'
import { brokenOff } from './server/broken-off.ts'
import { answerClientError, ignoreExpectations } from './server/client-errors.ts'
import { connections } from './server/connections.ts'
import { idleSweep } from './server/idle-sweep.ts'
import { logBrokenOff, loggerOptions, RequestLog } from './server/request-log.ts'
import { shutdown } from './server/shutdown.ts'

export interface AppDependencies {
  readonly settings: Settings
  readonly store: Store
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  readonly version: string
  /** How much of the memory that it can have the process uses, from 0 to 1. */
  readonly memoryShare?: () => number
  /** Receives log lines instead of stdout. */
  readonly logStream?: { write(line: string): void }
}

/** A request must arrive completely within this time. It does not limit streams or slow readers. */
const REQUEST_TIMEOUT_MS = 30_000
const TIMEOUT_CHECK_MS = 5000
/** When the kernel starts to probe a silent peer (TCP keep-alive). */
const KEEP_ALIVE_PROBE_MS = 30_000
/** More than the longest URL we accept, so that a longer one gets its own answer, 414. */
const MAX_HEADER_BYTES = 8 * MAX_URL_LENGTH

export async function buildApp({
  settings,
  store,
  now,
  version,
  memoryShare = () => 0,
  logStream
}: AppDependencies): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    logger: loggerOptions(settings.LOG_LEVEL, logStream),
    logController: new RequestLog(),
    trustProxy: trustOf(settings.TRUST_PROXY),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_HEADER_BYTES },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      requireHostHeader: false,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS
    },
    rewriteUrl: (request) => {
      const target = expandInvitation(normalizeTarget(request.url))
      return wantsWebPage(request, target) ? PAGE_PATH : target
    },
    ...WITHOUT_AJV,
    clientErrorHandler: (error, socket) =>
      answerClientError(error, socket, app.connections, { ...headers, ...crossOriginHeaders(settings.CORS_ORIGIN) })
  })
  // node:http waits for the longer of the two timeouts.
  app.server.headersTimeout = REQUEST_TIMEOUT_MS
  const headers = securityHeadersFor(settings)
  const chatTtlMs = settings.CHAT_TTL_SECONDS * 1000
  const isLimited = settings.RATE_LIMIT === 'on'
  const doors = new DoorStats()
  const onFault = (err: unknown): void => app.log.error({ err }, 'a join request was not withdrawn or claimed')
  const service = createService({ store, now, chatTtlMs, stats: doors, onFault })
  const hub = new Hub({
    store: service.store,
    applyDueExpiries: service.applyDueExpiries,
    heartbeatMs: settings.HEARTBEAT_SECONDS * 1000,
    maxBufferBytes: settings.MAX_STREAM_BUFFER_BYTES,
    onFault: (error) => app.log.error({ err: error }, 'the store failed a stream or a deadline')
  })

  addValidation(app)
  ignoreExpectations(app)

  await app.register(problems, { notFoundPage: readNotFoundPage(settings.PUBLIC_URL) })
  await app.register(connections)
  await app.register(brokenOff)
  app.onBrokenOff(logBrokenOff)

  // The order of refusals, which each plugin's `dependencies` hold: bad Host 400; too many requests for anything but a route
  // 429; long URL 414, unknown path 404, method 405; cross-site 403; overloaded or shutting down 503; too many requests for
  // a route 429. Fastify and `jsonBody` follow: body 413, media type 415, broken JSON 400. Then come the preValidation hooks
  // of a route (user id 401, misplaced input 400), its schemas (other input 400), and the rules of the door: what does not
  // exist 404 before what is forbidden 403.
  await app.register(securityHeaders, { headers })
  await app.register(crossOrigin, { origins: settings.CORS_ORIGIN })
  await app.register(untrustedProxies, { trusted: settings.TRUST_PROXY })
  await app.register(baseUrl, { publicUrl: settings.PUBLIC_URL })
  await app.register(rateLimits, { isOn: isLimited, store })
  await app.register(knownPaths)
  await app.register(crossSite)
  await app.register(overload, { memoryShare })
  await app.register(shutdown, { hub })
  await app.register(userIds)
  await app.register(openBudget, { total: settings.MAX_STREAMS, isLimited })
  await app.register(jsonBody)
  await app.register(misplacedInput)

  app.addHook('onClose', () => service.close())
  await app.register(idleSweep, { chatTtlMs, sweep: service.sweep })
  if (settings.METRICS_ADDRESS) {
    // Imported lazily to keep the cold start short.
    const { metrics } = await import('./server/metrics.ts')
    await app.register(metrics, { address: settings.METRICS_ADDRESS, hub, doors, service })
  }

  await app.register(api, { service, hub, info: serverInfoOf(settings, version) })
  await addDocs(app, { version, publicUrl: settings.PUBLIC_URL })
  await addWeb(app, { service, publicUrl: settings.PUBLIC_URL })

  return app
}

/** The API after everything that its requests pass through. */
const api = fp<Omit<ApiDependencies, 'limits' | 'budget'>>(
  async (app, own) => addApi(app, { ...own, limits: app.rateLimits, budget: app.openBudget }),
  { name: 'api', dependencies: ['problems', 'cross-site', 'shutdown', 'rate-limits', 'open-budget', 'misplaced-input'] }
)

export interface ApiDependencies {
  readonly service: Service
  readonly hub: Hub
  readonly info: ServerInfo
  readonly limits: RateLimits
  readonly budget: OpenBudget
}

/** The routes that the OpenAPI document describes. */
export async function addApi(
  app: FastifyInstance,
  { service, hub, info, limits, budget }: ApiDependencies
): Promise<void> {
  await app.register(healthRoutes, { service })
  await app.register(serverRoutes, { info, limits })
  await app.register(chatRoutes, { service, hub, limits, budget })
  await app.register(linkRoutes, { service, hub, limits, budget })
  await app.register(approvalRoutes, { service, limits })
  await app.register(handoverRoutes, { service, limits })
}
