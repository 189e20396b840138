/**
 * A server that has more to do than it can refuses new work at once, and goes on with what it has: streams that are open
 * are served, and a 503 costs next to nothing.
 *
 * Not by @fastify/under-pressure, which wakes the process a hundred times a second to measure: a hundredth of a core of
 * a server that has nothing to do, and a twentieth of what delivering a message to a thousand readers costs.
 */
import { getHeapStatistics } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import { Problem } from '../../wire/problems.ts'

/** How late the event loop may be: by then every answer takes so long … */
const MAX_DELAY_MS = 1000
/** … and that so often in a row, since a single pause, as of a virtual machine that moves, is no overload. */
const LATE_LOOKS = 2
/** How much of the heap that V8 may have may be in use. Beyond it collecting garbage takes most of the time. */
const MAX_HEAP_SHARE = 0.9
/** How often it is looked at. */
const LOOK_MS = 250
/** Whoever looks after the process shall not think that it is dead, or its store. */
const EXEMPT = new Set(['/health', '/ready'])

export function addOverload(app: FastifyInstance): void {
  let isOverloaded = false
  let late = 0
  let due = Number.POSITIVE_INFINITY
  const timer = setInterval(() => {
    const now = performance.now()
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    late = now - due > MAX_DELAY_MS ? late + 1 : 0
    isOverloaded = late >= LATE_LOOKS || used > limit * MAX_HEAP_SHARE
    due = now + LOOK_MS
  }, LOOK_MS).unref()

  app.addHook('onRequest', ({ routeOptions }, _reply, done) => {
    if (isOverloaded && !EXEMPT.has(routeOptions.url ?? '')) throw new Problem('overloaded')
    done()
  })
  app.addHook('onClose', async () => clearInterval(timer))
}
