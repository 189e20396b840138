/** The product as it is, on a free port: in this process, or in one or two that can be killed, on stores that survive. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../../dist/app.js'
import { loadSettings } from '../../dist/settings.js'
import { memoryStore } from '../../dist/store/memory-store.js'
import type { Store } from '../../dist/store/store.js'
import { startRedis } from '../support/redis-server.ts'
import type { Fault } from './faults.ts'
import type { Random } from './random.ts'

export interface SoakServer {
  readonly url: string
  /** Of all processes that serve. */
  readonly ports: readonly number[]
  /** What it logged as errors: there should be none. */
  readonly errors: readonly string[]
  /** Ends something without warning and starts it again; resolves once it is there. What is not on a disk is gone. */
  restart?(): Promise<void>
  close(): Promise<void>
}

const ENV = {
  LOG_LEVEL: 'error',
  RATE_LIMIT: 'off',
  HEARTBEAT_SECONDS: '1',
  MAX_STREAM_BUFFER_BYTES: `${64 * 1024}`,
  MAX_CHAT_BYTES: `${2 ** 31}`,
  MAX_STORE_BYTES: `${2 ** 33}`
}

export async function startServer(wrap: (store: Store) => Store): Promise<SoakServer> {
  const settings = loadSettings(ENV)
  const errors: string[] = []
  const app = await buildApp({
    settings,
    store: wrap(memoryStore({ maxChatBytes: settings.MAX_CHAT_BYTES, maxStoreBytes: settings.MAX_STORE_BYTES })),
    now: Date.now,
    version: '0.0.0',
    logStream: { write: (line) => void errors.push(line) }
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, ports: [Number(new URL(url).port)], errors, close: () => app.close() }
}

/** A process that serves the chats of this store; killed and started again on the same port. */
async function startProcess(storeUrl: string, errors: string[], fault: Fault | undefined, seed: number) {
  let running = begin(0)

  function begin(port: number) {
    const child = fork(new URL('./store-server.ts', import.meta.url), [], {
      env: { ...process.env, ...ENV, STORE_URL: storeUrl, PORT: `${port}`, FAULT: fault, SEED: `${seed}` },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => errors.push(`${text}`))
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    const exit = once(child, 'close').finally(() => process.off('exit', kill))
    const url = Promise.race([
      once(child, 'message').then(([said]) => `${said}`),
      exit.then(() => Promise.reject(new Error(`the server has ended: ${errors.join('')}`)))
    ])
    return { child, exit, url }
  }

  const url = await running.url
  const port = Number(new URL(url).port)
  return {
    url,
    port,
    async restart() {
      running.child.kill('SIGKILL')
      await running.exit
      running = begin(port)
      await running.url
    },
    async close() {
      running.child.kill('SIGTERM')
      await running.exit
    }
  }
}

/** With a folder of its own, which goes with it. */
export async function startFileServer(fault: Fault | undefined, seed: number): Promise<SoakServer> {
  const parent = mkdtempSync(join(tmpdir(), 'silly-chat-soak-'))
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }))
  const errors: string[] = []
  const server = await startProcess(`file:${join(parent, 'chats')}`, errors, fault, seed)
  return { ...server, ports: [server.port], errors }
}

/** Two nodes over a Redis of their own that keeps what it acknowledges. Any of the three is killed. */
export async function startNodes(fault: Fault | undefined, random: Random): Promise<SoakServer> {
  const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
  const said: string[] = []
  const start = () => startProcess(redis.url, said, fault, random.int(0, 2 ** 32 - 1))
  const [one, other] = [await start(), await start()]
  const restartRedis = async (): Promise<void> => {
    await redis.kill()
    await redis.start()
  }
  return {
    url: one.url,
    ports: [one.port, other.port],
    // That a Redis is away which was killed is no fault.
    get errors() {
      return said
        .flatMap((text) => text.split('\n'))
        .filter((line) => line !== '' && !line.includes('StoreUnavailable'))
    },
    restart: () => random.pick(one.restart, other.restart, restartRedis)(),
    async close() {
      await Promise.all([one.close(), other.close()])
      await redis.end()
    }
  }
}
