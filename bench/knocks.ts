/**
 * `npm run bench:knocks` measures what a knock costs at the first request of a chat and at the ten-thousandth, and what a check of a
 * link costs there, in each store and in the process itself: CPU time of this process, median of a hundred. It prints a
 * table and a graph. The guests are approved, so that the door grows without end.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createService } from '../src/chat/service.ts'
import type { Store } from '../src/chat/store.ts'
import { openStore } from '../src/store/open.ts'
import { prepareMachine } from './machine.ts'
import { hasRedis, startRedis } from './redis.ts'

const SIZES = [1, 100, 1000, 3000, 10_000]
const SAMPLES = 100
const BAR_MS = 0.02

interface Row {
  readonly requests: number
  readonly knockMs: number
  readonly checkMs: number
}

const OPTIONS = {
  maxChatBytes: 8_388_608,
  maxStoreBytes: 1_073_741_824,
  chatTtlMs: 0,
  emptyChatTtlMs: 0,
  onLost: () => undefined,
  onBack: () => undefined,
  onFault: () => undefined,
  onBroken: () => undefined
}

async function measure(store: Store): Promise<Row[]> {
  const service = createService({ store, now: Date.now, chatTtlMs: 0 })
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author)
  const rows: Row[] = []
  let requests = 0
  for (const size of SIZES) {
    while (requests < size) {
      await knockAndApprove()
      requests++
    }
    const knocks: number[] = []
    const checks: number[] = []
    for (let sample = 0; sample < SAMPLES; sample++) {
      knocks.push(await cpuOf(() => service.exchange(link.id, undefined)))
      checks.push(await cpuOf(() => service.checkLink(link.id)))
      await service.decide(link.id, author, undefined, 'approve')
      requests++
    }
    rows.push({ requests: size, knockMs: median(knocks), checkMs: median(checks) })
  }
  return rows

  async function knockAndApprove(): Promise<void> {
    await service.exchange(link.id, undefined)
    await service.decide(link.id, author, undefined, 'approve')
  }
}

/** In milliseconds; with Redis, the CPU time that Redis takes is not part of it. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

const { description, pinned } = prepareMachine()
process.stdout.write(`${description}\n\n`)
const folder = mkdtempSync(join(tmpdir(), 'silly-chat-bench-'))
const redis = hasRedis() ? await startRedis(pinned) : undefined
const stores = ['memory:', `file:${join(folder, 'chats')}`, ...(redis === undefined ? [] : [redis.url])]
for (const url of stores) {
  const store = await openStore(url, OPTIONS)
  process.stdout.write(`${url.split(':', 1)[0]}: CPU of the process, in ms\n`)
  for (const { requests, knockMs, checkMs } of await measure(store)) {
    const bar = '█'.repeat(Math.round(knockMs / BAR_MS))
    const numbers = [`${requests}`.padStart(6), knockMs.toFixed(3).padStart(8), checkMs.toFixed(3).padStart(8)]
    process.stdout.write(`${numbers.join(' ')}  ${bar}\n`)
  }
  await store.close()
}
redis?.stop()
rmSync(folder, { recursive: true, force: true })
// Open reconnection timers would keep this process running.
process.exit()
