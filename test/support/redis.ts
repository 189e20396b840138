/** Real Redis servers on free ports, ended with the test or with the process. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { openRedisStore } from '../../src/store/redis/open.ts'
import type { Store } from '../../src/store/store.ts'
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
    // A server that has ended would be asked for ever.
    while (isRunning()) {
      const answer = await cli('ping').catch(() => '')
      if (answer === 'PONG') return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error('redis-server has ended')
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

/** As above, until the end of the test. */
export async function aRedis(...settings: string[]): Promise<Redis> {
  const redis = await startRedis(...settings)
  onTestFinished(redis.end)
  return redis
}

let shared: Promise<Redis> | undefined

/** One for all tests of a process: chats do not meet. */
export function sharedRedis(): Promise<Redis> {
  shared ??= startRedis()
  return shared
}

/** What a process has of a store; closed with the test. */
export async function aNode(url: string, { maxChatBytes = 1_000_000, chatTtlMs = 0 } = {}): Promise<Store> {
  const store = await openRedisStore(url, {
    maxChatBytes,
    chatTtlMs,
    emptyChatTtlMs: chatTtlMs,
    onLost: () => undefined,
    onBack: () => undefined
  })
  onTestFinished(() => store.close())
  return store
}

/** Several processes behind a proxy that gives each call to the next of them. */
export function inTurn(stores: readonly [Store, ...Store[]]): Store {
  let calls = 0
  const next = (): Store => stores[calls++ % stores.length] ?? stores[0]
  return {
    create: (...call) => next().create(...call),
    load: (...call) => next().load(...call),
    recall: (tag) => next().recall(tag),
    commit: (...call) => next().commit(...call),
    append: (...call) => next().append(...call),
    events: (...call) => next().events(...call),
    messages: (...call) => next().messages(...call),
    remove: (...call) => next().remove(...call),
    idleChats: async (...call) => (await Promise.all(stores.map((store) => store.idleChats(...call)))).flat(),
    watch: (...call) => next().watch(...call),
    ping: () => next().ping(),
    close: async () => void (await Promise.all(stores.map((store) => store.close())))
  }
}
