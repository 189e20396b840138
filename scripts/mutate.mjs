/**
 * Breaks the code at random places, one at a time, and says which of the breaks no test notices.
 *
 *     node scripts/mutate.mjs                          200 places, chosen by a seed that is printed
 *     node scripts/mutate.mjs --seed 19 --places 50    the same 50 places again
 *     node scripts/mutate.mjs --from src/chat,src/http/routes
 *
 *     --out FILE     also writes the results as JSON, after each place
 *     --workers 2    two places at a time (default 1)
 *     --minutes 45   starts no further place after that
 *
 * It works in a copy of the checkout, so an interrupted run leaves nothing behind. Only the folders of tests below are
 * run, from source: what only tests of `dist`, of the browser or most of the long tests would notice counts as survived.
 */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isReadable, mutated, placesIn, randomFrom } from './mutate/places.mjs'

/** More than the tests of one name take. */
const OWN_TEST_MS = 15_000
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const REDIS = ['store', 'nodes', 'background-faults', 'line-breaks', 'failover'] // the others take a minute each
const redisTests = REDIS.map((name) => `test/store/long/redis-${name}`)
const aroundRoutes = ['limits', 'request', 'response', 'server'].map((name) => `test/http/${name}`)

/**
 * Which tests may notice a break where. The first area that has the file counts. Its tests run in steps, from the most
 * related to the least, until one is red.
 */
const AREAS = [
  ['src/store/redis', [redisTests]],
  ['src/store', [['test/store'], ['test/chat', 'test/streams', 'test/cli']]],
  ['src/chat', [['test/chat'], ['test/streams', 'test/http/routes']]],
  ['src/streams', [['test/streams'], ['test/http/routes', 'test/client']]],
  ['src/http/routes', [['test/http/routes'], ['test/client', 'test/openapi.test.ts']]],
  ['src/http', [aroundRoutes, ['test/http/routes', 'test/client', 'test/openapi.test.ts', 'test/cli']]]
].map(([folder, steps]) => ({ folder, steps }))

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: `${Math.floor(Math.random() * 1e6)}` },
    places: { type: 'string', default: '200' },
    from: { type: 'string', default: 'src/chat,src/streams,src/store,src/http' },
    out: { type: 'string' },
    workers: { type: 'string', default: '1' },
    minutes: { type: 'string', default: 'Infinity' }
  }
})
const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
const files = listed.toString().split('\0').filter(Boolean).sort()
const isIn = (file, folder) => file === folder || file.startsWith(`${folder}/`)
const areaOf = (file) => AREAS.find(({ folder }) => isIn(file, folder))

const folders = options.from.split(',')
const sources = files.filter((file) => file.endsWith('.ts') && areaOf(file) && folders.some((from) => isIn(file, from)))
const texts = new Map(sources.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]))

function choose(places, count, random) {
  const rest = [...places]
  const chosen = []
  while (chosen.length < count && rest.length > 0) {
    const [place] = rest.splice(Math.floor(random() * rest.length), 1)
    if (isReadable(place.file, mutated(place, texts.get(place.file)))) chosen.push(place)
  }
  return chosen
}

const work = mkdtempSync(join(tmpdir(), 'mutate-'))
const running = new Set()
const kill = ({ pid }) => {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {} // it has ended
}
process.on('exit', () => {
  running.forEach(kill)
  rmSync(work, { recursive: true, force: true, maxRetries: 5 })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130))

function copyTree(name) {
  const tree = join(work, name)
  for (const file of files) cpSync(join(ROOT, file), join(tree, file))
  for (const built of ['node_modules', 'dist']) symlinkSync(join(ROOT, built), join(tree, built))
  return tree
}

/** 'passed', 'failed' or 'timed out', and the first test that failed. */
function runTests(tree, tests, limitMs) {
  const excluded = tests.some((name) => name.includes('/long/')) ? [] : ['--exclude', '**/long/**']
  const args = ['-n', '5', 'node_modules/.bin/vitest', 'run', '--bail', '1', '--reporter', 'dot', ...excluded, ...tests]
  // What the tests leave in the folder for temporary files goes with the copy.
  const env = { ...process.env, NO_COLOR: '1', TMPDIR: work }
  // A process group of its own, so that whatever the tests have started can be ended with them.
  const child = spawn('nice', args, { cwd: tree, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  let ended = 'failed'
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const timer = setTimeout(() => {
    ended = 'timed out'
    kill(child)
  }, limitMs)
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      if (code === 0) ended = 'passed'
      clearTimeout(timer)
      kill(child)
    })
    child.on('close', () => {
      running.delete(child)
      resolve({ ended, by: / FAIL {2}(.+)/.exec(output)?.[1], output })
    })
  })
}

/** The steps of the area; before them the test that is named as the file is. */
function stepsFor(file) {
  const { steps } = areaOf(file)
  const isOwn = (test) => basename(test).startsWith(`${basename(file, '.ts')}.`) && test.endsWith('.test.ts')
  const isNear = (test) => steps.flat().some((folder) => isIn(test, folder)) && !test.includes('/long/')
  const own = files.filter((test) => isOwn(test) && isNear(test))
  return own.length > 0 ? [own, ...steps] : steps
}

/** How long each step takes without a break. */
async function measure(tree, places) {
  const times = new Map()
  const all = places.flatMap(({ file }) => areaOf(file).steps)
  for (const [name, tests] of new Map(all.map((tests) => [tests.join(' '), tests]))) {
    const startedAt = performance.now()
    const { ended, output } = await runTests(tree, tests, 600_000)
    if (ended !== 'passed') {
      process.stderr.write(`${output}\nThese tests are red without a break: ${name}\n`)
      process.exit(1)
    }
    times.set(name, performance.now() - startedAt)
    process.stdout.write(`${(times.get(name) / 1000).toFixed(1).padStart(6)} s  ${name}\n`)
  }
  return times
}

async function tryPlace(tree, place, times) {
  const path = join(tree, place.file)
  const text = texts.get(place.file)
  writeFileSync(path, mutated(place, text))
  try {
    for (const tests of stepsFor(place.file)) {
      const { ended, by } = await runTests(tree, tests, 3 * (times.get(tests.join(' ')) ?? OWN_TEST_MS) + 15_000)
      if (ended !== 'passed') return { result: ended === 'failed' ? 'killed' : ended, by: by ?? tests.join(' ') }
    }
    return { result: 'survived' }
  } finally {
    writeFileSync(path, text)
  }
}

function short(code) {
  const line = code.replace(/\s+/g, ' ')
  return line.length > 90 ? `${line.slice(0, 60)} … ${line.slice(-28)}` : line
}

const shown = ({ file, line, original, replacement }) => `${file}:${line}  ${short(original)} → ${short(replacement)}\n`

function table(title, results, groupOf) {
  const lines = [[title, 'places', 'killed', 'timed out', 'survived', 'noticed']]
  for (const name of [...new Set(results.map(groupOf).sort()), 'all']) {
    const own = results.filter((place) => name === 'all' || groupOf(place) === name)
    const counts = ['killed', 'timed out', 'survived'].map((kind) => own.filter(({ result }) => result === kind).length)
    lines.push([name, own.length, ...counts, `${Math.round(100 * (1 - counts[2] / own.length))} %`])
  }
  return lines.map(([name, ...rest]) => `${name.padEnd(18)}${rest.map((cell) => `${cell}`.padStart(10)).join('')}\n`)
}

const all = [...texts].flatMap(([file, text]) => placesIn(file, text))
const chosen = choose(all, Number(options.places), randomFrom(Number(options.seed)))
process.stdout.write(`Seed ${options.seed}: ${chosen.length} of ${all.length} places.\n`)

const startedAt = performance.now()
const minutes = () => (performance.now() - startedAt) / 60_000
const trees = Array.from({ length: Number(options.workers) }, (_, index) => copyTree(`tree-${index}`))
const times = await measure(trees[0], chosen)
const results = []
const queue = [...chosen]

async function breakPlaces(tree) {
  while (queue.length > 0 && minutes() < Number(options.minutes)) {
    const place = queue.shift()
    const since = minutes()
    const tried = await tryPlace(tree, place, times)
    const seconds = Math.round((minutes() - since) * 60)
    results.push({ ...place, area: areaOf(place.file).folder, ...tried, seconds })
    process.stdout.write(`${results.length}  ${tried.result}  ${seconds} s  ${shown(place)}`)
    const summary = { seed: Number(options.seed), sites: all.length, minutes: minutes(), results }
    if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(summary, null, 2)}\n`)
  }
}

await Promise.all(trees.map(breakPlaces))
const survivors = results.filter(({ result }) => result === 'survived').map(shown)
const tables = [...table('folder', results, ({ area }) => area), '\n', ...table('kind', results, ({ kind }) => kind)]
process.stdout.write(`\n${results.length} places in ${Math.round(minutes())} minutes.\n\n${tables.join('')}\n`)
process.stdout.write(`Survived:\n${survivors.sort().join('')}`)
