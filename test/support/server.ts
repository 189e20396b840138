/** A server in this process, on a free port, which closes with the test. */
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished } from 'vitest'
import type { Store } from '../../src/chat/store.ts'
import { loadSettings, type Settings } from '../../src/cli/settings.ts'
import { buildApp } from '../../src/http/app.ts'
import { UNDECLARED } from '../../src/http/response/error-handler.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { aFolder, opened } from './file-store.ts'
import { aNode, sharedRedis } from './redis.ts'

interface Clock {
  now: number
}

export interface TestServer {
  /** The base of its URLs. */
  readonly url: string
  readonly app: FastifyInstance
  readonly port: number
  readonly clock: Clock
  readonly store: Store
  /** The lines of the log. */
  readonly log: string[]
  close(): Promise<void>
}

interface Options {
  readonly env?: Record<string, string>
  /** Wraps the store. */
  readonly wrap?: (store: Store) => Store
  /** The time of its clock at the start. */
  readonly now?: number
}

/** `npm run check` also runs the tests of the routes over the other stores. */
const STORE = process.env['STORE'] ?? 'memory'
/** For tests of the memory store's limit. */
export const isOverMemory = STORE === 'memory'

async function emptyStore({
  MAX_CHAT_BYTES: maxChatBytes,
  MAX_STORE_BYTES,
  CHAT_TTL_SECONDS
}: Settings): Promise<Store> {
  if (STORE === 'file') return await opened(aFolder(), { maxChatBytes })
  if (STORE === 'redis')
    return await aNode((await sharedRedis()).url, { maxChatBytes, chatTtlMs: CHAT_TTL_SECONDS * 1000 })
  return memoryStore({ maxChatBytes, maxStoreBytes: MAX_STORE_BYTES })
}

const NOW = Date.UTC(2026, 10, 22, 12)

export async function startServer({ env = {}, wrap = (store) => store, now = NOW }: Options = {}): Promise<TestServer> {
  const settings = loadSettings({ LOG_LEVEL: 'trace', RATE_LIMIT: 'off', ...env })
  const clock = { now }
  const log: string[] = []
  const store = wrap(await emptyStore(settings))
  const app = await buildApp({
    settings,
    store,
    now: () => clock.now,
    version: '0.0.0',
    logStream: { write: (line) => log.push(line) }
  })
  const url = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('127.0.0.1', 'localhost')
  const close = () => app.close()
  onTestFinished(async () => {
    await close()
    // Every refusal must be declared in the OpenAPI document, in every test.
    expect(log.filter((line) => line.includes(UNDECLARED))).toEqual([])
  })
  return { url, app, port: Number(new URL(url).port), clock, store, log, close }
}
