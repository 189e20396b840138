/**
 * `npm run soak` runs random owners, posters, readers and guests against the real server, through a wire that cuts, stalls,
 * slows down and truncates connections. At the end it compares the events of each reader with the log. A run consists of
 * SECONDS of storm and a calm in which everybody must catch up, and has a hard deadline. SEED repeats its random decisions.
 * STORE=file uses a file store and kills and restarts the server during the storm. STORE=redis uses two servers with one
 * Redis and kills and restarts any of the three. FAULT=lose|double|swap|untold injects a fault into the notifications from
 * the store to the hub, and FAULT=hasty into the disk of a file store: then the soak must exit with 1.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Difference } from '../kit/compare.ts'
import { Crowd, everybody } from '../kit/crowd.ts'
import { chooseSeed, type Random, randomFrom } from '../kit/random.ts'
import { Storm } from '../kit/storm.ts'
import { openWire } from '../kit/wire.ts'
import { type Fault, isFault } from './faults.ts'
import { reportOf } from './report.ts'
import { errorsOf, type SoakServer, type StoreKind, startServer } from './server.ts'

const CHATS = 3
/** The time to catch up. A client that was refused several times waits longer before it reconnects. */
const CATCH_UP_MS = { memory: 10_000, file: 10_000, redis: 40_000 }
/** The time for setup, comparison and shutdown. */
const SPARE_MS = 15_000
const MAX_STOP_MS = 2500
const MIN_BURST_MS = 4000
const BURSTS = 5
/** The time between two kills. */
const LIFE_MS = { from: 200, to: 1500 }
const CHAT_STREAM = /^GET \/v1\/chats\/[\w-]+\/events/

interface Options {
  readonly seed: number
  readonly seconds: number
  readonly fault: Fault | undefined
  /** The store. Servers are killed if their chats survive that. */
  readonly store: StoreKind
}

function readOptions(): Options {
  const { SECONDS, FAULT, STORE } = process.env
  const seed = chooseSeed()
  const seconds = Number(SECONDS || 30)
  if (!(seconds > 0)) throw new Error('SECONDS must be more than 0')
  const store = STORE || 'memory'
  if (store !== 'memory' && store !== 'file' && store !== 'redis')
    throw new Error('STORE must be memory, file or redis')
  if (!FAULT) return { seed, seconds, store, fault: undefined }
  if (!isFault(FAULT)) throw new Error('FAULT must be lose, double, swap, untold or hasty')
  if (FAULT === 'hasty' && store !== 'file') throw new Error('FAULT=hasty needs STORE=file')
  return { seed, seconds, store, fault: FAULT }
}

/** The current step, for the message when the deadline has passed. */
let waitsFor = () => 'the server'

async function soak({ seed, seconds, fault, store }: Options): Promise<boolean> {
  const startedAt = Date.now()
  const random = randomFrom(seed)
  const stormMs = seconds * 1000
  const server = await startServer(store, fault, random.fork())
  const storm = new Storm(random.fork())
  const [first, ...others] = server.nodes
  const urls = [first.url, ...others.map(({ url }) => url)] as const
  let cutOff = 0
  const wire = await openWire(() => Number(new URL(random.pick(...urls)).port), {
    mark: (sent) => (/^[A-Z]+ \//.test(sent.toString('latin1', 0, 10)) ? CHAT_STREAM.test(`${sent}`) : undefined),
    onConnection: (connection) => storm.meet(connection),
    onServerEnd: ({ isMarked }) => {
      if (isMarked) cutOff++
    }
  })
  const crowd = await Crowd.gather({
    chats: CHATS,
    random,
    patience: { attempts: 6, givesUp: 1 },
    place: () => wire.url,
    mayJump: store === 'redis',
    cast: everybody({ stormMs, burstEveryMs: Math.max(MIN_BURST_MS, stormMs / BURSTS) })
  })
  waitsFor = () => crowd.step
  crowd.step = 'the storm'
  storm.start(wire.connections)
  await killAtRandom(server, random, crowd.kills, stormMs)
  for (const { child } of server.nodes) child.send('calm')
  storm.calm(wire.connections)
  const differences = await crowd.finish(urls, CATCH_UP_MS[store])
  await wire.close()
  for (const line of errorsOf(server, store)) differences.push({ kind: 'other', text: `the server logged ${line}` })
  differences.push(...(await stop(server)))
  process.stdout.write(reportOf({ seed, seconds, startedAt, crowd, wire: { ...storm.stats, cutOff }, differences }))
  return differences.length === 0
}

/** Kills servers at random until the storm is over. */
async function killAtRandom(server: SoakServer, random: Random, kills: number[], stormMs: number): Promise<void> {
  const endsAt = Date.now() + stormMs
  while (server.restart !== undefined) {
    const life = random.int(LIFE_MS.from, LIFE_MS.to)
    if (Date.now() + life > endsAt) break
    await sleep(life)
    kills.push(Date.now())
    await server.restart()
  }
  await sleep(Math.max(0, endsAt - Date.now()))
}

/** All clients have disconnected, so a server that stops slowly has lost track of a connection. */
async function stop(server: SoakServer): Promise<Difference[]> {
  const startedAt = Date.now()
  await server.close()
  const tookMs = Date.now() - startedAt
  if (tookMs < MAX_STOP_MS) return []
  return [{ kind: 'other', text: `the server took ${tookMs} ms to stop, although nobody was connected` }]
}

const options = readOptions()
const { seed, seconds, fault, store } = options
process.stdout.write(
  `soak: SEED=${seed} SECONDS=${seconds}${store === 'memory' ? '' : ` STORE=${store}`}${fault === undefined ? '' : ` FAULT=${fault}`}\n`
)
const deadline = setTimeout(
  () => {
    fail(`the soak did not end in time; it was waiting for ${waitsFor()}`)
    process.exit()
  },
  seconds * 1000 + 2 * CATCH_UP_MS[store] + SPARE_MS
)
function fail(why: string): void {
  process.stdout.write(`BROKEN: ${why} (SEED=${seed})\n`)
  process.exitCode = 1
}
await soak(options).then(
  (isSound) => {
    process.exitCode = isSound ? 0 : 1
  },
  (error) => {
    fail(`${error}`)
    process.exit()
  }
)
clearTimeout(deadline)
