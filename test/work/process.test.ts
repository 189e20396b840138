/** The modules that a start loads, and how often an idle process wakes up. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { startBuilt } from '../support/built-server.ts'

/** The file that V8 writes into the folder `NODE_V8_COVERAGE` when the process ends. */
const coverage = z.object({ result: z.array(z.object({ url: z.string() })) })

/** The files that a start loads. */
async function loadedByAStart(): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'silly-coverage-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const server = await startBuilt({ env: { NODE_V8_COVERAGE: folder } })
  await server.stop()
  const [report = ''] = readdirSync(folder)
  const { result } = coverage.parse(JSON.parse(readFileSync(join(folder, report), 'utf8')))
  return result.map(({ url }) => url).filter((url) => url.startsWith('file:'))
}

it('a start does not load packages that only some servers need', async () => {
  const files = await loadedByAStart()
  const packages = new Set(files.map((file) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]))
  expect([...packages]).toEqual(expect.arrayContaining(['fastify', 'pino', 'zod']))
  for (const rare of ['commander', 'lmdb', 'prom-client', 'redis', 'tsx']) {
    expect([...packages]).not.toContain(rare)
  }
  expect(files.filter((file) => /\/dist\/(store\/(file|redis)|client)\//.test(file))).toEqual([])
})

it.skipIf(!existsSync('/proc/self/status'))('an idle server rarely wakes up', async () => {
  const { pid } = await startBuilt({ env: {} })
  const wakeUps = () =>
    Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  await sleep(1000)
  const before = wakeUps()
  await sleep(2000)
  expect(wakeUps() - before).toBeLessThan(40)
})
