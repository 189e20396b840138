/** The process of the readers: opens streams and reports when all have caught up. `readers-process.ts` starts it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, command, type Reply } from './readers-protocol.ts'
import { SharedLog } from './shared-log.ts'
import { openReader, type Stream, type StreamReader } from './stream-reader.ts'

/** More at a time would overflow the listen backlog. */
const OPENING_AT_ONCE = 64
const CATCH_UP_MS = 10_000
const POLL_MS = 5
/** How long to wait for surplus events. */
const SURPLUS_MS = 50

const log = new SharedLog()
const readers: StreamReader[] = []
/** The first error. Every later command fails with it. */
let fault: Error | undefined
let failed: (error: Error) => void
const faults = new Promise<never>((_, reject) => {
  failed = reject
})
faults.catch(() => {})

function onFault(error: Error): void {
  fault ??= error
  failed(error)
}

async function open(stream: Stream, count: number): Promise<void> {
  let begun = 0
  async function openSome(): Promise<void> {
    while (begun < count) {
      begun += 1
      readers.push(await Promise.race([openReader(stream, log, onFault), faults]))
    }
  }
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, openSome))
}

async function waitUntilCaughtUp(messages: number): Promise<number> {
  const countBehind = () => readers.filter(({ position }) => position < log.length).length
  const isCaughtUp = () => log.events >= messages && countBehind() === 0
  const deadline = Date.now() + CATCH_UP_MS
  while (fault === undefined && !isCaughtUp() && Date.now() < deadline) await sleep(POLL_MS)
  const at = Date.now()
  if (fault === undefined) await sleep(SURPLUS_MS)
  if (fault !== undefined) throw fault
  if (log.events !== messages) throw new Error(`${messages} messages were posted, but readers received ${log.events}.`)
  if (countBehind() > 0) throw new Error(`${countBehind()} of ${readers.length} readers lost messages at the end.`)
  return at
}

async function run(received: Command): Promise<Reply> {
  try {
    if (received.command === 'catch up') return { at: await waitUntilCaughtUp(received.messages) }
    await open(received, received.count)
    return { at: Date.now() }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

process.on('message', async (message) => process.send?.(await run(command.parse(message))))
process.once('disconnect', () => process.exit())
