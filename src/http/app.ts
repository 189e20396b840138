/** The application: what it is made of, in the order in which a request meets it. */
import Fastify, { type FastifyInstance } from 'fastify'
import { createService, type Service } from '../chat/service.ts'
import { DoorStats } from '../chat/stats.ts'
import type { Store } from '../chat/store.ts'
import type { Settings } from '../cli/settings.ts'
import { Hub } from '../streams/hub.ts'
import { addOverload } from './limits/overload.ts'
import { addRateLimits, NO_LIMITS, type RateLimits } from './limits/rate-limits.ts'
import { addBaseUrl } from './request/base-url.ts'
import { addJsonBody, MAX_BODY_BYTES } from './request/json-body.ts'
import { addRequestChecks, MAX_URL_LENGTH } from './request/known-paths.ts'
import { addMisplacedInput } from './request/member-names.ts'
import { PAGE_PATH, wantsWebPage } from './request/page-requests.ts'
import { normalizeTarget } from './request/request-target.ts'
import { addUntrustedProxies, trustOf } from './request/untrusted-proxies.ts'
import { addUserId } from './request/user-id.ts'
import { addValidation, WITHOUT_AJV } from './request/validation.ts'
import { addCrossOrigin, crossOriginHeaders } from './response/cors.ts'
import { addProblems } from './response/error-handler.ts'
import { addSafeHeaders, safeHeaders } from './response/security-headers.ts'
import { approvalRoutes } from './routes/approval.ts'
import { chatRoutes } from './routes/chats.ts'
import { addDocs } from './routes/docs.ts'
import { healthRoutes } from './routes/health.ts'
import { linkRoutes } from './routes/links.ts'
import { addWeb, readNotFoundPage } from './routes/web.ts'
import { addBrokenOff } from './server/broken-off.ts'
import { answerClientError, ignoreExpectations } from './server/client-errors.ts'
import { Connections } from './server/connections.ts'
import { addSweep } from './server/idle-sweep.ts'
import { logBrokenOff, loggerOptions, RequestLog } from './server/request-log.ts'
import { addShutdown } from './server/shutdown.ts'

export interface AppDependencies {
  readonly settings: Settings
  readonly store: Store
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  readonly version: string
  /** Where log lines go instead of stdout. */
  readonly logStream?: { write(line: string): void }
}

/** A request must have arrived whole within this time. It does not limit streams or slow readers. */
const REQUEST_TIMEOUT_MS = 30_000
const TIMEOUT_CHECK_MS = 5000
/** When the kernel begins to ask whether a silent peer is still there. */
const KEEP_ALIVE_PROBE_MS = 30_000
/** Open streams and waits of one user id. */
const MAX_STREAMS_PER_USER = 16
/** More than the longest URL we take, so that one that is too long gets its answer. */
const MAX_HEADER_BYTES = 8 * MAX_URL_LENGTH

export async function buildApp({
  settings,
  store,
  now,
  version,
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
      const target = normalizeTarget(request.url)
      return wantsWebPage(request, target) ? PAGE_PATH : target
    },
    ...WITHOUT_AJV,
    // Called once there are connections, long after the constants below have their values.
    clientErrorHandler: (error, socket) => answerClientError(error, socket, connections, onRefusalsBelow)
  })
  // node:http waits for the longer of the two.
  app.server.headersTimeout = REQUEST_TIMEOUT_MS
  const connections = new Connections(app.server)
  const onEveryAnswer = safeHeaders(settings)
  const onRefusalsBelow = { ...onEveryAnswer, ...crossOriginHeaders(settings.CORS_ORIGIN) }
  const chatTtlMs = settings.CHAT_TTL_SECONDS * 1000
  const doors = new DoorStats()
  const service = createService({ store, now, chatTtlMs, stats: doors })
  const hub = new Hub({
    store,
    applyDueExpiries: service.applyDueExpiries,
    heartbeatMs: settings.HEARTBEAT_SECONDS * 1000,
    maxBufferBytes: settings.MAX_STREAM_BUFFER_BYTES,
    maxStreams: settings.MAX_STREAMS,
    maxStreamsPerUser: settings.RATE_LIMIT === 'on' ? MAX_STREAMS_PER_USER : Number.POSITIVE_INFINITY,
    onFault: (error) => app.log.error({ err: error }, 'the store failed a stream or a deadline')
  })

  addValidation(app)
  addProblems(app, readNotFoundPage(settings.PUBLIC_URL))
  ignoreExpectations(app)

  const onBrokenOff = addBrokenOff(app, connections)
  onBrokenOff(logBrokenOff)

  // The order of refusals: bad Host 400, long URL 414, unknown path 404, method 405 (the hooks here, in this order); an
  // overloaded server 503, asking too often 429; then
  // body 413, media type 415, broken JSON 400 (Fastify and `addJsonBody`); user id 401 (preValidation hooks); other
  // input 400 (schemas); 404, 403 and the rest (the rules, which look for what exists first).
  addSafeHeaders(app, onEveryAnswer)
  await addCrossOrigin(app, settings.CORS_ORIGIN)
  addUntrustedProxies(app, settings.TRUST_PROXY)
  addBaseUrl(app, settings.PUBLIC_URL)
  addRequestChecks(app)
  addOverload(app)
  const limits = settings.RATE_LIMIT === 'on' ? await addRateLimits(app, store) : NO_LIMITS
  addShutdown(app, hub, connections)
  addSweep(app, chatTtlMs, service.sweep)
  if (settings.METRICS_ADDRESS) {
    // Loaded for who needs it.
    const { addMetrics } = await import('./server/metrics.ts')
    addMetrics(app, { address: settings.METRICS_ADDRESS, hub, doors, onBrokenOff })
  }
  addJsonBody(app)
  addUserId(app)
  addMisplacedInput(app)

  await addApi(app, { service, hub, limits })
  await addDocs(app, { version, publicUrl: settings.PUBLIC_URL })
  await addWeb(app, settings.PUBLIC_URL)

  return app
}

export interface ApiDependencies {
  readonly service: Service
  readonly hub: Hub
  readonly limits: RateLimits
}

/** The routes that the OpenAPI document describes. */
export async function addApi(app: FastifyInstance, { service, hub, limits }: ApiDependencies): Promise<void> {
  await app.register(healthRoutes, { service })
  await app.register(chatRoutes, { service, hub, limits })
  await app.register(linkRoutes, { service, hub, limits })
  await app.register(approvalRoutes, { service, limits })
}
