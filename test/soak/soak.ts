/**
 * `npm run soak`: random owners, posters, readers and guests against the real server through a proxy that cuts,
 * stalls and truncates their connections. At the end what each reader assembled is compared with the log. Bounded:
 * `--seconds` (or SECONDS) of storm, a calm in which everybody must come level, and a hard deadline behind both.
 * `--seed` (or SEED) repeats the decisions of a run. FAULT=lose|double|swap|untold breaks the seam on purpose, between
 * the store and the hub: the soak must say so and exit with 1. STORE=file has the server keep its chats in a file store,
 * and kills and restarts it in the storm; FAULT=hasty breaks the disk under it, which only shows when it is killed.
 * STORE=redis has two servers over one Redis, and kills and restarts any of the three.
 */
import { randomInt } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type ChaosProxy, startChaosProxy } from './chaos-proxy.ts'
import { compare, type Difference } from './compare.ts'
import { type Fault, isFault, withFault } from './faults.ts'
import { type Random, randomFrom } from './random.ts'
import { reportOf } from './report.ts'
import type { Scene } from './scene.ts'
import { type SoakServer, startFileServer, startNodes, startServer } from './server.ts'
import { level, type Phases, play, setScene } from './stage.ts'

const CHATS = 3
/** How long everybody has to come level. A client that was refused for a while comes back ever later. */
const LEVEL_MS = { memory: 10_000, file: 10_000, redis: 40_000 }
/** What setting up, comparing and ending may take besides storm and calm. */
const SPARE_MS = 15_000
const MAX_STOP_MS = 2500
const MIN_BURST_MS = 4000
const BURSTS = 5
/** How long a server lives that is killed again and again. */
const LIFE_MS = { from: 200, to: 1500 }

interface Options {
  readonly seed: number
  readonly seconds: number
  readonly fault: Fault | undefined
  /** Where the chats are; where they survive it servers are killed. */
  readonly store: 'memory' | 'file' | 'redis'
}

function readOptions(): Options {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string' } } })
  const { SEED, SECONDS, FAULT, STORE } = process.env
  const seed = Number(values.seed ?? (SEED || randomInt(2 ** 32)))
  const seconds = Number(values.seconds ?? (SECONDS || 30))
  if (!Number.isInteger(seed)) throw new Error('the seed must be a whole number')
  if (!(seconds > 0)) throw new Error('the seconds must be more than 0')
  const store = STORE || 'memory'
  if (store !== 'memory' && store !== 'file' && store !== 'redis')
    throw new Error('STORE must be memory, file or redis')
  if (!FAULT) return { seed, seconds, store, fault: undefined }
  if (!isFault(FAULT)) throw new Error('FAULT must be lose, double, swap, untold or hasty')
  if (FAULT === 'hasty' && store !== 'file') throw new Error('FAULT=hasty needs STORE=file')
  return { seed, seconds, store, fault: FAULT }
}

interface Cast {
  readonly scenes: readonly Scene[]
  readonly plays: readonly ReturnType<typeof play>[]
}

/** What the run waits for, in case it never comes. */
let step = 'the server'

async function soak({ seed, seconds, fault, store }: Options): Promise<boolean> {
  const startedAt = Date.now()
  const random = randomFrom(seed)
  const phases = { calm: new AbortController(), close: new AbortController(), end: new AbortController() }
  for (const { signal } of Object.values(phases)) setMaxListeners(0, signal)
  const servers: Record<Options['store'], () => Promise<SoakServer>> = {
    memory: () => startServer((sound) => withFault(sound, fault, random.fork(), phases.calm.signal)),
    file: () => startFileServer(fault, random.int(0, 2 ** 32 - 1)),
    redis: () => startNodes(fault, random.fork())
  }
  const server = await servers[store]()
  const proxy = await startChaosProxy(server.ports, random.int(0, 2 ** 32 - 1))
  const cast = await begin(proxy, random, phases, seconds * 1000)
  step = 'the storm'
  proxy.storm()
  const kills = await rage(server, random, seconds * 1000)
  for (const { book } of cast.scenes) {
    book.kills.push(...kills)
    book.mayJump = store === 'redis'
  }
  const late = await settle(cast, proxy, phases, server.url, LEVEL_MS[store])
  const differences = await compareAll(cast, server, late)
  step = 'the end'
  phases.end.abort(new Error('the soak is over'))
  await Promise.all(cast.plays.map(({ lasting }) => lasting))
  await proxy.close()
  differences.push(...(await stop(server)))
  const books = cast.scenes.map(({ book }) => book)
  process.stdout.write(reportOf({ seed, seconds, startedAt, books, chaos: proxy.figures, differences }))
  return differences.length === 0
}

async function begin(proxy: ChaosProxy, random: Random, phases: Phases, stormMs: number): Promise<Cast> {
  step = 'the members'
  const names = Array.from({ length: CHATS }, (_, index) => `chat ${index + 1}`)
  const scenes = await Promise.all(names.map((name) => setScene(name, proxy.url, random.fork(), phases)))
  const burstEveryMs = Math.max(MIN_BURST_MS, stormMs / BURSTS)
  const plays = scenes.map((scene, index) =>
    play(scene, { stormMs, burstEveryMs: index === 0 ? burstEveryMs : undefined })
  )
  return { scenes, plays }
}

/** The storm: says when the server was killed. */
async function rage(server: SoakServer, random: Random, stormMs: number): Promise<number[]> {
  const kills: number[] = []
  const endsAt = Date.now() + stormMs
  while (server.restart !== undefined) {
    const life = random.int(LIFE_MS.from, LIFE_MS.to)
    if (Date.now() + life > endsAt) break
    await sleep(life)
    kills.push(Date.now())
    await server.restart()
  }
  await sleep(Math.max(0, endsAt - Date.now()))
  return kills
}

/** The calm: no chaos, nothing new; who waits at the door is let in, then everybody comes level. */
async function settle(
  { scenes, plays }: Cast,
  proxy: ChaosProxy,
  { calm, close }: Phases,
  serverUrl: string,
  withinMs: number
) {
  step = 'the last posts and approvals'
  calm.abort()
  proxy.calm()
  await Promise.all(plays.map(({ begun }) => begun))
  await Promise.all(plays.map((one) => one.settle()))
  step = 'readers that are not level with the log'
  const late = await Promise.all(scenes.map((scene) => level(scene, serverUrl, withinMs)))
  close.abort()
  step = 'guests whose hanging up was not told'
  const gone = await Promise.all(scenes.map((scene) => level(scene, serverUrl, late.flat().length > 0 ? 0 : withinMs)))
  return [...new Set([...late.flat(), ...gone.flat()])]
}

async function compareAll({ scenes }: Cast, server: SoakServer, late: readonly string[]): Promise<Difference[]> {
  step = 'the comparison'
  const found = await Promise.all(scenes.map(({ book, end }) => compare(book, server.url, end)))
  const logged = server.errors.map((line) => `the server logged ${line.trim()}`)
  const others = [...late, ...logged].map((text): Difference => ({ kind: 'other', text }))
  return [...found.flat(), ...others]
}

/** Nobody is there any more: a server that waits for somebody then has lost sight of a connection. */
async function stop(server: SoakServer): Promise<Difference[]> {
  const startedAt = Date.now()
  await server.close()
  const tookMs = Date.now() - startedAt
  return tookMs < MAX_STOP_MS
    ? []
    : [{ kind: 'other', text: `the server took ${tookMs} ms to stop, with nobody there` }]
}

const options = readOptions()
const { seed, seconds, fault, store } = options
process.stdout.write(
  `soak: SEED=${seed} SECONDS=${seconds}${store === 'memory' ? '' : ` STORE=${store}`}${fault === undefined ? '' : ` FAULT=${fault}`}\n`
)
const deadline = setTimeout(
  () => {
    process.stdout.write(`BROKEN: the soak did not end in time; it still waits for ${step} (SEED=${seed})\n`)
    process.exit(1)
  },
  seconds * 1000 + 2 * LEVEL_MS[store] + SPARE_MS
)
process.exitCode = (await soak(options)) ? 0 : 1
clearTimeout(deadline)
