/** What a process does for nothing, counted: what it loads to start, and how often it wakes while nothing happens. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { startBuilt } from '../support/built-server.ts'

const DIST = new URL('../../dist/', import.meta.url).href

/** What V8 writes where `NODE_V8_COVERAGE` points to, when the process ends. */
const coverage = z.object({
  result: z.array(
    z.object({
      url: z.string(),
      functions: z.array(z.object({ ranges: z.tuple([z.object({ startOffset: z.int(), count: z.int() })], z.any()) }))
    })
  )
})

/** The files a start loads, and the modules of CommonJS in them that ran: in the bundle they wait for their `require()`. */
async function loadedByAStart(): Promise<{ files: string[]; modules: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'silly-coverage-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const server = await startBuilt({ env: { NODE_V8_COVERAGE: folder } })
  await server.stop()
  const [report = ''] = readdirSync(folder)
  const { result } = coverage.parse(JSON.parse(readFileSync(join(folder, report), 'utf8')))
  const loaded = result.filter(({ url }) => url.startsWith('file:'))
  const modules = loaded.flatMap(({ url, functions }) => {
    const text = readFileSync(new URL(url), 'utf8')
    const ran = functions.map(({ ranges: [whole] }) => whole).filter(({ count }) => count > 0)
    return ran.flatMap(({ startOffset }) => {
      const before = text.slice(text.lastIndexOf('\n', startOffset) + 1, startOffset)
      return /^var require_(\w+) = /.exec(before)?.[1] ?? []
    })
  })
  return { files: loaded.map(({ url }) => url), modules }
}

it('a start loads the bundle and nothing of what few ask for', async () => {
  const { files, modules } = await loadedByAStart()
  expect(files.filter((file) => !file.startsWith(DIST))).toEqual([])
  expect(files.length).toBeLessThan(10)
  expect(modules).toEqual(expect.arrayContaining(['fastify', 'pino']))
  for (const rare of ['ajv', 'fast_json_stringify', 'light_my_request']) expect(modules).not.toContain(rare)
})

it.skipIf(!existsSync('/proc/self/status'))('a server with nothing to do hardly wakes', async () => {
  const { pid } = await startBuilt({ env: {} })
  const wakings = () =>
    Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  await sleep(1000)
  const before = wakings()
  await sleep(2000)
  expect(wakings() - before).toBeLessThan(40)
})
