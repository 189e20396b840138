/** The product as it is, on a free port: in this process, or on a file store in one that can be killed. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../../src/app.ts'
import { loadSettings } from '../../src/settings.ts'
import { memoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import type { Fault } from './faults.ts'

export interface SoakServer {
  readonly url: string
  readonly port: number
  /** What it logged as errors: there should be none. */
  readonly errors: readonly string[]
  /** Ends it without warning and starts it again; resolves once it listens. What is not on a disk is gone. */
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
  return { url, port: Number(new URL(url).port), errors, close: () => app.close() }
}

/** With a folder of its own, which goes with it. */
export async function startFileServer(fault: Fault | undefined, seed: number): Promise<SoakServer> {
  const parent = mkdtempSync(join(tmpdir(), 'silly-chat-soak-'))
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }))
  const errors: string[] = []
  let running = begin(0)

  function begin(port: number) {
    const child = fork(new URL('./file-server.ts', import.meta.url), [], {
      env: {
        ...process.env,
        ...ENV,
        STORE_URL: `file:${join(parent, 'chats')}`,
        PORT: `${port}`,
        FAULT: fault,
        SEED: `${seed}`
      },
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
    errors,
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
