/**
 * `npm run bench:redis`: what a message costs Redis and the nodes that are told of it, and what an open stream costs. The
 * figures that docs/scaling.md counts with. The server that is measured has the first core; what loads it, the others.
 */
import { prepareMachine } from './machine.ts'
import { requireProc } from './process-figures.ts'
import { hasRedis, startRedis } from './redis.ts'
import { measureAppends, measureSubscriptions } from './redis-costs.ts'
import { requireBuild } from './servers.ts'
import { measureStreams } from './stream-costs.ts'

requireProc()
requireBuild()
if (!hasRedis()) throw new Error('There is no redis-server.')
const { description, pinned } = prepareMachine()
process.stdout.write(`${description}\n\n`)

for (const measure of [measureAppends, measureSubscriptions, measureStreams]) {
  const redis = await startRedis(pinned)
  try {
    for (const [name, figure] of await measure(redis, pinned)) {
      process.stdout.write(`${name}: ${Number(figure.toPrecision(3)).toLocaleString('en')}\n`)
    }
  } finally {
    redis.stop()
  }
}
// A node that has lost its Redis keeps trying.
process.exit()
