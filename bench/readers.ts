/** The process of readers: opens streams and says when all are level. Started by `readers-process.ts`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, type Question, question } from './readers-protocol.ts'
import { SharedLog } from './shared-log.ts'
import { openReader, type Stream, type StreamReader } from './stream-reader.ts'

/** More at once would overrun the queue of connections that wait to be accepted. */
const OPENING_AT_ONCE = 64
const LEVEL_MS = 10_000
const POLL_MS = 5
/** How long an event that should not be there has to show itself. */
const AFTERWARDS_MS = 50

const log = new SharedLog()
const readers: StreamReader[] = []
/** The first thing that went wrong. It counts from then on. */
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

async function becomeLevel(messages: number): Promise<number> {
  const behind = () => readers.filter(({ position }) => position < log.length).length
  const isLevel = () => log.events >= messages && behind() === 0
  const deadline = Date.now() + LEVEL_MS
  while (fault === undefined && !isLevel() && Date.now() < deadline) await sleep(POLL_MS)
  const at = Date.now()
  if (fault === undefined) await sleep(AFTERWARDS_MS)
  if (fault !== undefined) throw fault
  if (log.events !== messages) throw new Error(`${messages} messages were said, but readers got ${log.events}.`)
  if (behind() > 0) throw new Error(`${behind()} of ${readers.length} readers lost messages at the end.`)
  return at
}

async function answerTo(asked: Question): Promise<Answer> {
  try {
    if (asked.ask === 'level') return { at: await becomeLevel(asked.messages) }
    await open(asked, asked.count)
    return { at: Date.now() }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

process.on('message', async (message) => process.send?.(await answerTo(question.parse(message))))
process.once('disconnect', () => process.exit())
