/**
 * `npm run bench:redis` measures the cost of a message for Redis and for the nodes that are notified of it, and the cost of
 * an open stream: the results in docs/scaling.md. The measured server runs on the first core, the load on the others.
 */
import { prepareMachine } from './machine.ts'
import { requireProc } from './process-stats.ts'
import { hasRedis, startRedis } from './redis.ts'
import { measureAppends, measureSubscriptions } from './redis-costs.ts'
import { requireBuild } from './servers.ts'
import { measureStreams } from './stream-costs.ts'

requireProc()
requireBuild()
if (!hasRedis()) throw new Error('redis-server is not installed.')
const { description, pinned } = prepareMachine()
process.stdout.write(`${description}\n\n`)

for (const measure of [measureAppends, measureSubscriptions, measureStreams]) {
  const redis = await startRedis(pinned)
  try {
    for (const [name, value] of await measure(redis, pinned)) {
      process.stdout.write(`${name}: ${Number(value.toPrecision(3)).toLocaleString('en')}\n`)
    }
  } finally {
    redis.stop()
  }
}
// Open reconnection timers would keep this process running.
process.exit()
