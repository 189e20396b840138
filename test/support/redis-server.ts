/** Real Redis servers on free ports, ended with the process that started them at the latest. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { eventually } from './eventually.ts'
import { freePort } from './ports.ts'

const run = promisify(execFile)

/** Runs a server, prints its process id, and kills it once the input ends: with this process, however that ends. */
const GUARD =
  'exec 3<&0; redis-server "$@" > /dev/null & pid=$!; echo $pid; { read end <&3; kill -9 $pid; } & wait $pid'

export interface Redis {
  readonly url: string
  readonly port: number
  /** What `redis-cli` prints. */
  cli(...args: string[]): Promise<string>
  signal(name: NodeJS.Signals): void
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>
  /** Once killed: the same again, with what is on the disk. */
  start(): Promise<void>
  /** Ends it for good and removes what it has written. */
  end(): Promise<void>
}

/** A server with these settings besides a port and a folder of its own; without persistence if they ask for none. */
export async function startRedis(...settings: string[]): Promise<Redis> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'silly-redis-'))
  let guard: ChildProcessByStdio<Writable, Readable, null>
  let pid = 0

  const password = settings[settings.indexOf('--requirepass') + 1] ?? ''
  const cli = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, ...(settings.includes('--requirepass') && { REDISCLI_AUTH: password }) }
    return (await run('redis-cli', ['-p', `${port}`, ...args], { env })).stdout.trimEnd()
  }

  async function start(): Promise<void> {
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...settings]
    guard = spawn('sh', ['-c', GUARD, 'sh', ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
    const [said] = await once(guard.stdout.setEncoding('utf8'), 'data')
    pid = Number(said)
    const answer = await eventually(
      async () => (isRunning() ? (await cli('ping')) === 'PONG' && 'PONG' : 'it has ended'),
      'redis-server answers',
      { withinMs: 20_000 }
    )
    if (answer !== 'PONG') throw new Error(`redis-server does not answer: ${answer}`)
  }

  const isRunning = (): boolean => guard.exitCode === null && guard.signalCode === null

  async function kill(): Promise<void> {
    if (!isRunning()) return
    const gone = once(guard, 'exit')
    guard.stdin.end()
    await gone
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    cli,
    signal: (name) => process.kill(pid, name),
    kill,
    start,
    end: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
