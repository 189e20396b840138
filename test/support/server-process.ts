/** A server in its own process, on a port that stays the same when it is killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from './ports.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface ServerProcess {
  readonly url: string
  readonly pid: number
  /** The time until it listened. */
  readonly startedWithinMs: number
  /** Everything it has printed. */
  output(): string
  /** SIGKILL; resolves once the process has ended. */
  kill(): Promise<void>
  /** SIGTERM; resolves once the process has ended. */
  stop(): Promise<void>
  /** Starts it again once it was killed. */
  start(): Promise<void>
  /** The process that runs now. */
  readonly child: ChildProcess
}

export interface ProcessOptions {
  readonly env: Record<string, string>
  /** The first words of the command line. */
  readonly command?: readonly [string, ...string[]]
  /** The folder of the script, which is the built server by default. */
  readonly root?: string
  readonly script?: string
}

export async function startServerProcess({
  env,
  command = [process.execPath],
  root = ROOT,
  script = 'dist/main.js'
}: ProcessOptions): Promise<ServerProcess> {
  const port = await freePort()
  const [program, ...args] = command
  let running: ChildProcess
  let startedWithinMs = 0
  let text = ''

  async function start(): Promise<void> {
    const began = performance.now()
    const child = spawn(program, [...args, script], {
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'error', RATE_LIMIT: 'off', ...env, PORT: `${port}` },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    running = child
    let output = ''
    const listens = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          output += chunk
          if (output.includes(' listens on ')) resolve()
        })
      }
      child.once('close', () => reject(new Error(`the server has ended: ${output}`)))
    })
    await listens
    startedWithinMs = performance.now() - began
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (running.exitCode !== null || running.signalCode !== null) return
    const gone = once(running, 'close')
    running.kill(signal)
    await gone
  }

  const kill = () => end('SIGKILL')
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    get pid() {
      return running.pid ?? 0
    },
    get startedWithinMs() {
      return startedWithinMs
    },
    get child() {
      return running
    },
    output: () => text,
    kill,
    stop: () => end('SIGTERM'),
    start
  }
}
