/** A server of one's own on a free port, ended with the test. */
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
  /** What was logged, line by line. */
  readonly log: string[]
  close(): Promise<void>
}

interface Options {
  readonly env?: Record<string, string>
  /** Puts something between the product and its store. */
  readonly wrap?: (store: Store) => Store
  /** What its clock shows at the start. */
  readonly now?: number
}

/** `npm run check` also runs the tests of the routes over the other stores, in which they must find no difference. */
const STORE = process.env['STORE'] ?? 'memory'
/** What is about the limit of the memory store is not tested over another. */
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
    // Whatever a test is about: every refusal that it meets must be in the document of the API.
    expect(log.filter((line) => line.includes(UNDECLARED))).toEqual([])
  })
  return { url, app, port: Number(new URL(url).port), clock, store, log, close }
}
