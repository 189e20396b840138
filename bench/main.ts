/**
 * `npm run bench` compares Silly Chat with two minimal servers, one on node:http and one on Fastify, and prints one table
 * for the README. The servers alternate, each measurement starts a new process, and the results for posting are the
 * median of three rounds. ROUNDS=1 makes a quick run. Exits with 1 if a reader lost, duplicated or reordered a message.
 */
import { prepareMachine } from './machine.ts'
import type { Measurement, OpenStore } from './measurement.ts'
import { requireProc } from './process-stats.ts'
import { type Measured, tableOf } from './report.ts'
import { postMessages, postSynced, postThroughRedis, readHistory } from './requests.ts'
import { OURS, type RunningServer, requireBuild, SERVERS, type Server, startServer } from './servers.ts'
import { fanOut, idleStreams } from './streams.ts'

const MEASUREMENTS: readonly Measurement[] = [
  postMessages,
  postSynced,
  postThroughRedis,
  fanOut,
  readHistory,
  idleStreams
]
/** Longer than the sum of the deadlines of all steps. */
const DEADLINE_MS = 240_000

/** The current step, for the message when the deadline has passed. */
let step = 'the start'

function maxRounds(): number {
  const { ROUNDS } = process.env
  if (!ROUNDS) return Number.POSITIVE_INFINITY
  if (!/^[1-9]\d*$/.test(ROUNDS)) throw new Error('ROUNDS must be a whole number above 0.')
  return Number(ROUNDS)
}

async function measureOnce(measurement: Measurement, server: Server, pinned: readonly string[]) {
  const { setup } = measurement
  if (setup !== undefined && (server !== OURS || setup.missing() !== undefined)) return []
  let store: OpenStore | undefined
  const running: RunningServer[] = []
  try {
    store = await setup?.open(pinned)
    const settings = store === undefined ? {} : { STORE_URL: store.url }
    const first = await startServer(server, pinned, settings)
    running.push(first)
    while (running.length < (setup?.nodes ?? 1)) running.push(await startServer(server, pinned, settings))
    return await measurement.measure(first, { nodes: running.slice(1), store })
  } catch (error) {
    throw new Error(`${measurement.name}, ${server.name}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    for (const one of running) one.stop()
    store?.stop()
  }
}

/** Rotates the order in every round, so that no server always runs on a warmer machine. */
function orderIn(round: number): number[] {
  return SERVERS.map((_, index) => (index + round) % SERVERS.length)
}

async function measureAll(pinned: readonly string[]): Promise<Measured[]> {
  const most = maxRounds()
  const all = MEASUREMENTS.map((measurement) => ({
    measurement,
    rounds: SERVERS.map((): (readonly number[])[] => [])
  }))
  const last = Math.min(most, Math.max(...MEASUREMENTS.map(({ rounds }) => rounds)))
  for (let round = 0; round < last; round += 1) {
    for (const { measurement, rounds } of all.filter((one) => round < one.measurement.rounds)) {
      step = `round ${round + 1} of ${last}: ${measurement.name}`
      const missing = measurement.setup?.missing()
      process.stderr.write(missing === undefined ? `${step}\n` : `${step}: skipped because ${missing}\n`)
      for (const index of orderIn(round)) {
        const server = SERVERS[index]
        if (server !== undefined) rounds[index]?.push(await measureOnce(measurement, server, pinned))
      }
    }
  }
  return all.map(({ measurement, rounds }) => ({ rows: measurement.rows, rounds }))
}

async function bench(): Promise<void> {
  requireProc()
  requireBuild()
  const { description, pinned } = prepareMachine()
  const measured = await measureAll(pinned)
  const names = SERVERS.map(({ name }) => name)
  process.stdout.write(`${description}\n\n${tableOf(names, measured)}`)
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}

// Without a handler, a signal would skip the `exit` listeners that stop the child processes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
setTimeout(() => fail(`The benchmark did not end in time. It was waiting for ${step}.`), DEADLINE_MS).unref()

try {
  await bench()
} catch (error) {
  fail(error instanceof Error ? error.message : String(error))
}
