/** Open streams: the cost of delivering to a thousand readers, and of thousands of idle streams. */
import { setTimeout as sleep } from 'node:timers/promises'
import { maxOpenFiles } from './machine.ts'
import type { Measurement } from './measurement.ts'
import { cpuOf, MEMORY_KIND, memoryKiBOf } from './process-stats.ts'
import { createChat, post } from './publishers.ts'
import { Readers } from './readers-process.ts'

const READERS = 1000
const PUBLISHERS = { publishers: 16, most: 50_000 }
const WARM_UP_MS = 300
const MEASURED_MS = 1000

const WANTED_STREAMS = 5000
/** Files that are open for other reasons. */
const SPARE_FILES = 200
const IDLE_STREAMS = Math.min(WANTED_STREAMS, Math.max(1, maxOpenFiles() - SPARE_FILES))
const FEWER = IDLE_STREAMS < WANTED_STREAMS ? ' (the limit on open files does not allow more)' : ''
/** Lets the garbage from opening the streams be collected. */
const SETTLE_MS = 800
const READY_MS = 150

export const fanOut: Measurement = {
  name: 'fan-out',
  // One round is enough: the servers differ by factors, not by percents.
  rounds: 1,
  rows: [`One chat, ${READERS.toLocaleString('en')} readers, 16 publishers: deliveries/s`, 'server CPU, µs a delivery'],
  async measure({ url, pid }) {
    const readers = new Readers()
    try {
      const chat = await createChat(url)
      await readers.open(chat, READERS)
      await sleep(READY_MS)
      const before = await post(chat, { ...PUBLISHERS, forMs: WARM_UP_MS })
      await readers.waitUntilCaughtUp(before)
      const cpuBefore = cpuOf(pid)
      const startedAt = Date.now()
      const posted = await post(chat, { ...PUBLISHERS, forMs: MEASURED_MS })
      const endedAt = await readers.waitUntilCaughtUp(before + posted)
      const deliveries = posted * READERS
      return [(deliveries * 1000) / (endedAt - startedAt), (cpuOf(pid) - cpuBefore) / deliveries]
    } finally {
      readers.stop()
    }
  }
}

export const idleStreams: Measurement = {
  name: 'idle streams',
  // One round is enough: memory hardly differs from run to run.
  rounds: 1,
  rows: [`${IDLE_STREAMS.toLocaleString('en')} idle streams: KiB of server memory (${MEMORY_KIND}) a stream${FEWER}`],
  async measure({ url, pid }) {
    const readers = new Readers()
    try {
      const chat = await createChat(url)
      const before = memoryKiBOf(pid)
      await readers.open(chat, IDLE_STREAMS)
      await sleep(SETTLE_MS)
      await readers.waitUntilCaughtUp(0)
      return [(memoryKiBOf(pid) - before) / IDLE_STREAMS]
    } finally {
      readers.stop()
    }
  }
}
