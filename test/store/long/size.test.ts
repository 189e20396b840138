/** A million messages in ten thousand chats: stored messages cost neither start-up time nor memory. */
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Chat } from '../../../src/client/index.ts'
import { type BuiltServer, startBuilt } from '../../support/built-server.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { CHATS, type FilledChat, fill, MESSAGES_A_CHAT } from './million.ts'

const MIB = 2 ** 20
/** The maximum growth of the heap compared with an empty folder. */
const MAX_HEAP = 16 * MIB
const MAX_START_MS = 1000
const AT_ONCE = 16
/** The number of used chats, spread over the folder. */
const USED = 1000
const TIMEOUT_MS = 120_000

/** Answers any message with the size of the heap after garbage collection. */
const REPORTER =
  'data:text/javascript,process.on("message",()=>{gc();gc();process.send(process.memoryUsage().heapUsed)});process.channel.unref()'

function start(folder: string): Promise<BuiltServer> {
  return startBuilt({
    env: { STORE_URL: `file:${folder}` },
    command: [process.execPath, '--expose-gc', '--import', REPORTER]
  })
}

async function heapOf({ child }: BuiltServer): Promise<number> {
  child.send('heap')
  const [bytes] = await once(child, 'message')
  return bytes
}

/** Reads, follows and posts in each of these chats. */
async function use({ url }: BuiltServer, chats: readonly FilledChat[]): Promise<void> {
  const rest = [...chats]
  const lane = async (): Promise<void> => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) await useOne(url, next)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

async function useOne(url: string, { chat: id, owner }: FilledChat): Promise<void> {
  const chat = new Chat(`${url}/v1/chats/${id}`, owner)
  const { id: posted } = await chat.post('one more')
  const { messages } = await chat.read({ after: MESSAGES_A_CHAT - 1 })
  expect(messages.map((message) => message.id)).toContain(posted)
  let received = 0
  for await (const { event } of chat.events({ after: posted - 1 })) {
    if (event === 'ready') break
    received++
  }
  expect(received).toBe(1)
}

describe('a folder with a million messages', { timeout: TIMEOUT_MS }, () => {
  it('opens in less than a second, and is served with a small heap', async () => {
    const folder = aFolder()
    const chats = await fill(folder)
    expect(chats.length * MESSAGES_A_CHAT).toBe(1_000_000)
    const began = performance.now()
    await (await opened(folder)).close()
    const openedMs = performance.now() - began
    expect(openedMs).toBeLessThan(MAX_START_MS)

    const empty = await start(aFolder())
    const emptyHeap = await heapOf(empty)
    const emptyMs = empty.startedWithinMs
    await empty.kill()
    const server = await start(folder)
    expect(server.startedWithinMs - emptyMs).toBeLessThan(MAX_START_MS)
    const atStart = await heapOf(server)
    expect(atStart - emptyHeap).toBeLessThan(MIB)
    await use(
      server,
      chats.filter((_, index) => index % (CHATS / USED) === 0)
    )
    const after = await heapOf(server)
    expect(after - emptyHeap).toBeLessThan(MAX_HEAP)
  })
})
