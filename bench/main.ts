/**
 * `npm run bench`: Silly Chat beside what somebody would write first, with node:http and with Fastify alone, in one run.
 * Prints one table for the README. The servers take turns, each measurement has a fresh process, and what is shown of
 * posting is the median of three rounds. ROUNDS=1 for a quick look. Exits with 1 if any reader lost, doubled or
 * misordered a message.
 */
import { prepareMachine } from './machine.ts'
import type { Measurement, OpenStore } from './measurement.ts'
import { requireProc } from './process-figures.ts'
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
/** Behind the limits that every step has of its own. */
const DEADLINE_MS = 240_000

/** What the run waits for, in case it never comes. */
let step = 'the start'

function maxRounds(): number {
  const { ROUNDS } = process.env
  if (!ROUNDS) return Number.POSITIVE_INFINITY
  if (!/^[1-9]\d*$/.test(ROUNDS)) throw new Error('ROUNDS must be a whole number above 0.')
  return Number(ROUNDS)
}

async function measureOnce(measurement: Measurement, server: Server, pinned: readonly string[]) {
  const { setting } = measurement
  if (setting !== undefined && (server !== OURS || setting.missing() !== undefined)) return []
  let store: OpenStore | undefined
  const running: RunningServer[] = []
  try {
    store = await setting?.open(pinned)
    const settings = store === undefined ? {} : { STORE_URL: store.url }
    const first = await startServer(server, pinned, settings)
    running.push(first)
    while (running.length < (setting?.nodes ?? 1)) running.push(await startServer(server, pinned, settings))
    return await measurement.measure(first, { nodes: running.slice(1), store })
  } catch (error) {
    throw new Error(`${measurement.name}, ${server.name}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    for (const one of running) one.stop()
    store?.stop()
  }
}

/** Another server begins in every round, so that no one of them always has the warmer machine. */
function inTurn(round: number): number[] {
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
      const missing = measurement.setting?.missing()
      process.stderr.write(missing === undefined ? `${step}\n` : `${step}: skipped, since ${missing}\n`)
      for (const index of inTurn(round)) {
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

// What has been started ends with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
setTimeout(() => fail(`The benchmark did not end in time; it still waits for ${step}.`), DEADLINE_MS).unref()

try {
  await bench()
} catch (error) {
  fail(error instanceof Error ? error.message : String(error))
}
