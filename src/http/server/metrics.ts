/**
 * Metrics for Prometheus, on an address of their own, because they are for the operator alone. Labels are routes, statuses
 * and kinds, of which there are few: never an id, an address or a text.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Service } from '../../chat/service.ts'
import type { DoorStats } from '../../chat/stats.ts'
import type { Hub } from '../../streams/hub.ts'
import { CLIENT_CLOSED_REQUEST, outcomeOf } from './broken-off.ts'
import { listenAt } from './listen.ts'
import { STREAM_ROUTES } from './stream-routes.ts'

export interface MetricsOptions {
  readonly address: { readonly host: string; readonly port: number }
  readonly hub: Hub
  readonly doors: DoorStats
  readonly service: Pick<Service, 'clockSkewMs' | 'unstored'>
}

const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300]

/** Counts requests, and answers `/metrics` from when the server is ready until it closes. */
export const metrics = fp<MetricsOptions>(
  (app, { address, hub, doors, service }, done) => {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    addRequests(app, hub, registry)
    addStreams(hub, registry)
    addDoors(doors, registry)
    addHeld(app, registry)
    addGauge(
      registry,
      'clock_skew_seconds',
      'How far the clock of the store is ahead of the clock of this process; 0 for stores without a clock.',
      () => service.clockSkewMs() / 1000
    )
    addGauge(registry, 'unstored_withdrawals', 'Withdrawals that are enforced but not stored yet.', service.unstored)
    const server = createServer((request, response) => {
      if (request.url !== '/metrics' || request.method !== 'GET') {
        response.writeHead(404).end()
        return
      }
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        (err: unknown) => {
          app.log.error({ err }, 'the metrics were not collected')
          response.writeHead(500).end()
        }
      )
    })
    app.addHook('onReady', async () => {
      await listenAt(address, { host: 'METRICS_ADDRESS', port: 'METRICS_ADDRESS' }, async ({ host, port }) => {
        server.listen(port, host)
        await once(server, 'listening')
      })
      app.log.info({ address: server.address() }, 'metrics are served')
    })
    app.addHook('onClose', async () => {
      server.closeAllConnections()
      server.close()
    })
    done()
  },
  { name: 'metrics', dependencies: ['broken-off', 'connections', 'open-budget'] }
)

function addRequests(app: FastifyInstance, hub: Hub, registry: Registry): void {
  const opened = deltas()
  const requests: Counter<'method' | 'route' | 'status'> = new Counter({
    name: 'silly_chat_requests_total',
    help: 'Answered requests; 499 if the client disconnected before its answer. Streams count when they open.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
    collect: () => {
      // A stream is counted when it opens. Its duration says nothing.
      for (const [kind, route] of Object.entries(STREAM_ROUTES)) {
        requests.inc({ method: 'GET', route, status: 200 }, opened(kind, hub.stats.opened))
      }
    }
  })
  const durations = new Histogram({
    name: 'silly_chat_request_duration_seconds',
    help: 'From the arrival of a request to the end of its answer, including the time that it waits. Without streams.',
    labelNames: ['method', 'route'],
    buckets: DURATION_BUCKETS_S,
    registers: [registry]
  })
  const count = ({ method, routeOptions }: FastifyRequest, reply: FastifyReply, status: number): void => {
    const route = routeOptions.url ?? 'none'
    requests.inc({ method, route, status })
    durations.observe({ method, route }, reply.elapsedTime / 1000)
  }
  app.addHook('onResponse', (request, reply, done) => {
    count(request, reply, outcomeOf(request, reply))
    done()
  })
  app.onBrokenOff((request, reply) => count(request, reply, CLIENT_CLOSED_REQUEST))
}

function addStreams(hub: Hub, registry: Registry): void {
  const open = new Gauge({
    name: 'silly_chat_open_streams',
    help: 'Open streams of members and of guests, and requests that wait.',
    labelNames: ['kind'],
    registers: [registry],
    collect: () => {
      for (const [kind, count] of Object.entries(hub.countOpen())) open.set({ kind }, count)
    }
  })
  const { stats } = hub
  addCounter(registry, 'deliveries_total', 'Events written to the readers of streams.', () => stats.deliveries)
  addCounter(registry, 'stream_bytes_total', 'Bytes written to the readers of streams.', () => stats.bytes)
  addCounter(registry, 'slow_readers_total', 'Readers cut off because they fell too far behind.', () => stats.cutOff)
  addCounter(registry, 'resets_total', 'Reset events sent to readers whose cursor was lost.', () => stats.resets)
  addGauge(registry, 'followed_chats', 'Chats with at least one open stream or wait in this process.', () => hub.chats)
}

/** What clients hold open. */
function addHeld({ openBudget, connections }: FastifyInstance, registry: Registry): void {
  addGauge(registry, 'held_places', 'Open streams, waits and answers that are not taken.', () => openBudget.open)
  addGauge(
    registry,
    'unread_bytes',
    'Bytes of answers and streams that wait for their readers.',
    () => connections.unreadBytes
  )
}

function addDoors(doors: DoorStats, registry: Registry): void {
  addCounter(registry, 'messages_total', 'Messages posted.', () => doors.messages)
  addCounter(registry, 'chats_created_total', 'Chats created by this process.', () => doors.chatsCreated)
  addCounter(registry, 'chats_ended_total', 'Chats closed or expired by this process.', () => doors.chatsEnded)
  addCounter(
    registry,
    'lapsed_requests_total',
    'Join requests withdrawn because their guests never got the client id.',
    () => doors.lapsed
  )
  const happened = deltas()
  const joins: Counter<'type'> = new Counter({
    name: 'silly_chat_join_events_total',
    help: 'Join events by type.',
    labelNames: ['type'],
    registers: [registry],
    collect: () => {
      for (const type of Object.keys(doors.joinEvents)) joins.inc({ type }, happened(type, doors.joinEvents))
    }
  })
  // Differences, so that the sum over all processes is the total.
  addGauge(
    registry,
    'chats',
    'Chats created minus chats ended by this process since its start; add up all processes.',
    () => doors.chatsCreated - doors.chatsEnded
  )
  addGauge(
    registry,
    'pending_requests',
    'Join requests made minus those decided through this process since its start; add up all processes.',
    () => doors.pending
  )
}

function addGauge(registry: Registry, name: string, help: string, value: () => number): void {
  const gauge: Gauge = new Gauge({
    name: `silly_chat_${name}`,
    help,
    registers: [registry],
    collect: () => gauge.set(value())
  })
}

function addCounter(registry: Registry, name: string, help: string, value: () => number): void {
  const grown = deltas()
  const counter: Counter = new Counter({
    name: `silly_chat_${name}`,
    help,
    registers: [registry],
    collect: () => counter.inc(grown('value', { value: value() }))
  })
}

/** Returns the growth of a count since the last call: counts that exist anyway are only read. */
function deltas(): (name: string, stats: Readonly<Record<string, number>>) => number {
  const seen = new Map<string, number>()
  return (name, stats) => {
    const now = stats[name] ?? 0
    const growth = now - (seen.get(name) ?? 0)
    seen.set(name, now)
    return growth
  }
}
