/** The product as it is, in this process, on a free port. */
import { buildApp } from '../../src/app.ts'
import { loadSettings } from '../../src/settings.ts'
import { memoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'

export interface SoakServer {
  readonly url: string
  readonly port: number
  /** What it logged as errors: there should be none. */
  readonly errors: readonly string[]
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
