/**
 * An overloaded server refuses new requests with 503, which costs next to nothing, and keeps serving open streams.
 * Measured here and not by @fastify/under-pressure: docs/decisions/overload-without-under-pressure.md.
 */
import { getHeapStatistics } from 'node:v8'
import fp from 'fastify-plugin'
import { Problem } from '../../wire/problems.ts'

/** The delay of the event loop above which a check is late: every answer then takes at least as long. */
const MAX_DELAY_MS = 1000
/** Late checks in a row that mean overload. A single pause, such as a virtual machine being moved, does not. */
const LATE_CHECKS = 2
/** The share of V8's heap limit above which collecting garbage takes most of the time. */
const MAX_HEAP_SHARE = 0.9
/** The share of the memory that the process can have, above which the system may end it. */
const MAX_MEMORY_SHARE = 0.9
const CHECK_MS = 250
/** Health checks are exempt: an orchestrator must not restart a server for being busy. */
const EXEMPT = new Set(['/health', '/ready'])

export interface OverloadOptions {
  /** How much of the memory that it can have the process uses, from 0 to 1; buffers are outside of V8's heap. */
  readonly memoryShare: () => number
}

/** Refuses requests with 503 `overloaded` while the event loop or the heap is overloaded. */
export const overload = fp<OverloadOptions>(
  (app, { memoryShare }, done) => {
    let isOverloaded = false
    let lateChecks = 0
    let due = Number.POSITIVE_INFINITY
    const timer = setInterval(() => {
      const now = performance.now()
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
      lateChecks = now - due > MAX_DELAY_MS ? lateChecks + 1 : 0
      isOverloaded = lateChecks >= LATE_CHECKS || used > limit * MAX_HEAP_SHARE || memoryShare() > MAX_MEMORY_SHARE
      due = now + CHECK_MS
    }, CHECK_MS).unref()

    app.addHook('onRequest', ({ routeOptions }, _reply, next) => {
      if (isOverloaded && !EXEMPT.has(routeOptions.url ?? '')) throw new Problem('overloaded')
      next()
    })
    app.addHook('onClose', async () => clearInterval(timer))
    done()
  },
  { name: 'overload', dependencies: ['known-paths'] }
)
