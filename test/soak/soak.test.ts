/** Tests the soak itself: a short run succeeds, and a run with an injected fault fails. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIMEOUT_MS = 60_000

async function soak({ onTestFinished }: TestContext, env: Record<string, string>) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/soak/soak.ts'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', SECONDS: '3', SEED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  return { code, output }
}

describe.concurrent('the soak', { timeout: TIMEOUT_MS }, () => {
  it('finds no fault in the product', async (test) => {
    const { code, output } = await soak(test, {})
    test.expect(output).toContain('sound: ')
    test.expect(code).toBe(0)
  })

  it('fails if the hub is not notified of everything', async (test) => {
    const { code, output } = await soak(test, { FAULT: 'lose' })
    test.expect(output).toMatch(/BROKEN, \d+ differences? \(SEED=1\)/)
    test.expect(output).toMatch(/lost: chat \d: \S+ never got \w+ \d+/)
    test.expect(code).toBe(1)
  })
})

// Not concurrent, because these runs kill and restart their servers.
describe('the soak over a file store', { timeout: TIMEOUT_MS }, () => {
  it('finds no fault if the server is killed', async (test) => {
    const { code, output } = await soak(test, { STORE: 'file' })
    test.expect(output).toContain('sound: ')
    test.expect(output).toMatch(/times a server was killed +[1-9]/)
    test.expect(code).toBe(0)
  })

  it('fails if the disk acknowledges too early', async (test) => {
    // Long enough for several kills on a busy machine: a single one may lose nothing.
    const { code, output } = await soak(test, { STORE: 'file', FAULT: 'hasty', SECONDS: '10' })
    test.expect(output).toMatch(/BROKEN, \d+ differences? \(SEED=1\)/)
    test.expect(code).toBe(1)
  })
})
