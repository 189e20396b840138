/** Starts a Redis without persistence for a measurement, with a temporary folder and a free port. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'

export interface RunningRedis {
  readonly pid: number
  readonly url: string
  stop(): void
}

const PROGRAM = 'redis-server'
const START_MS = 5000
const POLL_MS = 20

export function hasRedis(): boolean {
  return spawnSync('which', [PROGRAM]).status === 0
}

/** @throws Error with a sentence if it does not start */
export async function startRedis(pinned: readonly string[]): Promise<RunningRedis> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'silly-chat-bench-'))
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  const [command = PROGRAM, ...args] = [...pinned, PROGRAM, ...settings]
  const child = spawn(command, args, { stdio: 'ignore' })
  const end = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', end)
  const url = `redis://127.0.0.1:${port}`
  if (child.pid === undefined || !(await answers(url))) throw new Error(`${PROGRAM} did not start.`)
  return {
    pid: child.pid,
    url,
    stop() {
      process.off('exit', end)
      end()
    }
  }
}

async function answers(url: string): Promise<boolean> {
  const deadline = performance.now() + START_MS
  while (performance.now() < deadline) {
    const client = createClient({ url, socket: { reconnectStrategy: false } })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return true
    } catch {
      await sleep(POLL_MS)
    } finally {
      client.destroy()
    }
  }
  return false
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject()))
    })
  })
}
