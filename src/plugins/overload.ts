/**
 * A server that has more to do than it can refuses new work at once, and goes on with what it has: streams that are open
 * are served, and a 503 costs next to nothing.
 */
import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../problems.ts'

/** How late the event loop may be on average: by then every answer takes so long. */
const MAX_DELAY_MS = 1000
/** How much of the heap that V8 may have may be in use. Beyond it collecting garbage takes most of the time. */
const MAX_HEAP_SHARE = 0.9
const SAMPLE_MS = 1000

export async function addOverload(app: FastifyInstance): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_DELAY_MS,
    maxHeapUsedBytes: getHeapStatistics().heap_size_limit * MAX_HEAP_SHARE,
    sampleInterval: SAMPLE_MS,
    pressureHandler: ({ routeOptions }: FastifyRequest, _reply: FastifyReply, _type: string, value?: number) => {
      // Infinite is what has not been measured, as in the first moment of a process that is slow to start.
      if (value === Number.POSITIVE_INFINITY) return
      // Whoever looks after the process shall not think that it is dead, or its store.
      if (routeOptions.url !== '/health' && routeOptions.url !== '/ready') throw new Problem('overloaded')
    }
  })
}
