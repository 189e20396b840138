/** A server in a process of its own, on a port that stays the same when it is killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from './ports.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface ServerProcess {
  readonly url: string
  readonly pid: number
  /** From the start of its process until it listened. */
  readonly startedWithinMs: number
  /** Everything it has printed. */
  output(): string
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; likewise. */
  stop(): Promise<void>
  /** Once killed: the same again. */
  start(): Promise<void>
  /** Of the process that runs now. */
  readonly child: ChildProcess
}

export interface ProcessOptions {
  readonly env: Record<string, string>
  /** What the command line begins with. */
  readonly command?: readonly [string, ...string[]]
  /** Where the script is, the built server unless another one is named. */
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
    let said = ''
    const listens = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          said += chunk
          if (said.includes(' listens on ')) resolve()
        })
      }
      child.once('close', () => reject(new Error(`the server has ended: ${said}`)))
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
