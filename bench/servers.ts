/** The servers to compare. Each measurement starts a new process on a free port. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Server {
  readonly name: string
  readonly args: readonly string[]
}

export interface RunningServer {
  readonly name: string
  readonly pid: number
  readonly url: string
  stop(): void
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = fileURLToPath(new URL('../dist/main.js', import.meta.url))

function bare(file: URL): readonly string[] {
  return ['--import', 'tsx', fileURLToPath(file)]
}

export const OURS: Server = { name: 'Silly Chat', args: [DIST] }

export const SERVERS: readonly Server[] = [
  OURS,
  { name: 'bare node:http', args: bare(new URL('./bare-http.ts', import.meta.url)) },
  { name: 'bare Fastify', args: bare(new URL('./bare-fastify.ts', import.meta.url)) }
]

/** The defaults, except for a large chat and without features that the bare servers do not have. */
const SETTINGS = {
  HOST: '127.0.0.1',
  PORT: '0',
  LOG_LEVEL: 'silent',
  HEARTBEAT_SECONDS: '60',
  RATE_LIMIT: 'off',
  MAX_CHAT_BYTES: `${2 ** 28}`
}

const START_MS = 10_000
/** Lets compilation and garbage collection after the start finish before the measurement. */
const SETTLE_MS = 200

/** @throws Error with a sentence */
export function requireBuild(): void {
  if (!existsSync(DIST)) throw new Error('There is no dist/main.js: build it with "npm run build".')
}

/** @throws Error with a sentence if the server does not start */
export async function startServer(
  { name, args }: Server,
  pinned: readonly string[],
  settings: Readonly<Record<string, string>> = {}
): Promise<RunningServer> {
  const [command = process.execPath, ...rest] = [...pinned, process.execPath, ...args]
  const child = spawn(command, rest, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...SETTINGS, ...settings },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = () => {
    process.off('exit', kill)
    kill()
  }
  const url = await listening(child)
  if (url === undefined || child.pid === undefined) {
    stop()
    throw new Error(`${name} did not start: it ended, or did not print its address within ${START_MS / 1000} s.`)
  }
  await sleep(SETTLE_MS)
  return { name, pid: child.pid, url, stop }
}

/** The address that the server prints; undefined if it ends or times out before that. */
function listening(child: ChildProcessByStdio<null, Readable, null>): Promise<string | undefined> {
  return new Promise((resolve) => {
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const url = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.once('error', () => resolve(undefined))
    child.once('exit', () => resolve(undefined))
    setTimeout(() => resolve(undefined), START_MS).unref()
  })
}
