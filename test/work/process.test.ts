/** What a process does for nothing, counted: what it loads to start, and how often it wakes while nothing happens. */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startBuilt } from '../support/built-server.ts'

/** Prints the files of CommonJS that were loaded when the process ends. */
const PRELOAD = `data:text/javascript,${encodeURIComponent(`
  import { createRequire } from 'node:module'
  process.on('exit', () => console.log(JSON.stringify(Object.keys(createRequire('/').cache))))
`)}`

it('a start loads nothing of what few ask for', async () => {
  const server = await startBuilt({ env: {}, command: [process.execPath, '--import', PRELOAD] })
  await server.stop()
  const [files = ''] = /^\[.*\]$/m.exec(server.output()) ?? []
  const packages = new Set([...files.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].map(([, name]) => name))
  expect([...packages]).toContain('fastify')
  for (const rare of [
    '@fastify/swagger',
    '@fastify/static',
    'yaml',
    'ajv',
    'lmdb',
    'redis',
    'prom-client',
    'commander'
  ]) {
    expect([...packages]).not.toContain(rare)
  }
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
