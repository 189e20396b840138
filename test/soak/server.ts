/** The servers of a soak, each in its own process that can be killed, with one of the three stores. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Random } from '../kit/random.ts'
import { startRedis } from '../support/redis-server.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import type { Fault } from './faults.ts'

export interface SoakServer {
  readonly nodes: readonly [ServerProcess, ...ServerProcess[]]
  /** Kills a process and starts it again. Undefined for the memory store, which would lose its chats. */
  restart?(): Promise<void>
  /** Stops the nodes, then their store. */
  close(): Promise<void>
}

export type StoreKind = 'memory' | 'file' | 'redis'

const ENV = {
  HEARTBEAT_SECONDS: '1',
  MAX_STREAM_BUFFER_BYTES: `${64 * 1024}`,
  MAX_CHAT_BYTES: `${2 ** 31}`,
  MAX_STORE_BYTES: `${2 ** 33}`
}

export async function startServer(store: StoreKind, fault: Fault | undefined, random: Random): Promise<SoakServer> {
  async function startNode(storeUrl: string): Promise<ServerProcess> {
    const node = await startServerProcess({
      env: { ...ENV, STORE_URL: storeUrl, FAULT: fault ?? '', SEED: `${random.int(0, 2 ** 32 - 1)}` },
      command: [process.execPath, '--import', 'tsx'],
      script: fileURLToPath(new URL('./store-server.ts', import.meta.url))
    })
    process.once('exit', () => void node.child.kill('SIGKILL'))
    return node
  }
  async function restart({ kill, start }: Pick<ServerProcess, 'kill' | 'start'>): Promise<void> {
    await kill()
    await start()
  }

  if (store === 'redis') {
    // Two nodes with a durable Redis. Each of the three processes can be killed.
    const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
    const [one, other] = [await startNode(redis.url), await startNode(redis.url)]
    return {
      nodes: [one, other],
      restart: () => restart(random.pick<Pick<ServerProcess, 'kill' | 'start'>>(one, other, redis)),
      async close() {
        await Promise.all([one.stop(), other.stop()])
        await redis.end()
      }
    }
  }
  const parent = mkdtempSync(join(tmpdir(), 'silly-chat-soak-'))
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }))
  const node = await startNode(store === 'memory' ? 'memory:' : `file:${join(parent, 'chats')}`)
  return { nodes: [node], close: node.stop, ...(store === 'file' && { restart: () => restart(node) }) }
}

/** Unexpected output of the nodes. */
export function errorsOf({ nodes }: SoakServer, store: StoreKind): string[] {
  const lines = nodes.flatMap((node) => node.output().split('\n'))
  // A killed Redis is reported as unreachable.
  const isExpected = (line: string) =>
    line.includes(' listens on ') || (store === 'redis' && line.includes('StoreUnavailable'))
  return lines.filter((line) => line !== '' && !isExpected(line))
}
