/** Pages of logs have a connection of their own, so those who read much do not delay the others. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ChatTag } from '../../../src/chat/ids.ts'
import { type NewMessage, StoreUnavailable } from '../../../src/chat/store.ts'
import { PAGES_AT_ONCE } from '../../../src/store/redis/page-connections.ts'
import { SCRIPTS } from '../../../src/store/redis/scripts.ts'
import { openWire } from '../../kit/wire.ts'
import { eventually } from '../../support/eventually.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { ALL, aChat, append, loaded, message, texts } from '../contract/support.ts'

const READERS = 150
const POSTS = 100
const CHAT_BYTES = 8 * 1024 * 1024
const PAGE = { maxBytes: 65_536 }

async function timed<Result>(work: Promise<Result>, into: number[]): Promise<Result> {
  const began = performance.now()
  const result = await work
  into.push(performance.now() - began)
  return result
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('pages of a log', () => {
  it(`for ${READERS} readers of 8 MiB at once do not delay posts to other chats`, async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url, { maxChatBytes: CHAT_BYTES })
    const [long, other] = [await aChat(store), await aChat(store)]
    const full: NewMessage = { from: 'owner', text: 'x'.repeat(4000), createdAt: 1 }
    while (typeof (await Promise.all(Array.from({ length: 100 }, () => store.append(long, 0, full))))[99] !== 'string');
    await loaded(store, other)

    const [pages, posts]: [number[], number[]] = [[], []]
    let isOver = false
    const read = async (): Promise<void> => {
      for (let after = 0; !isOver; ) {
        const page = await timed(store.messages(long, { after }, PAGE), pages)
        if (typeof page === 'string') throw new Error(page)
        after = page.hasMore ? page.upTo : 0
      }
    }
    const reading = Promise.all(Array.from({ length: READERS }, read))
    for (let post = 0; post < POSTS; post++) {
      expect(await timed(store.append(other, 0, message('hello')), posts)).toMatchObject({ type: 'message' })
    }
    isOver = true
    await reading
    process.stderr.write(
      `${READERS} readers: a page takes ${Math.round(median(pages))} ms, a post ${Math.round(median(posts))} ms (median), ${Math.round(Math.max(...posts))} ms (slowest)\n`
    )
    expect(pages.length).toBeGreaterThan(READERS)
    // On one connection a post would wait for the pages of all readers, as long as a page does.
    expect(median(posts)).toBeLessThan(median(pages) / 2)
    expect(Math.max(...posts)).toBeLessThan(3000)
  })

  it('are asked for a few at a time, and another chat does not wait for all of them', async () => {
    const redis = await aRedis()
    let asked = 0
    const wire = await openWire(redis.port, {
      mark: (sent) => {
        asked += sent.toString('latin1').split(SCRIPTS.messages.digest).length - 1
        return undefined
      }
    })
    onTestFinished(wire.close)
    const store = await aNode(`redis://127.0.0.1:${wire.port}`)
    const [long, other] = [await aChat(store), await aChat(store)]
    for (const tag of [long, other]) await append(store, tag, 'hello')
    await texts(store, other)
    asked = 0
    redis.signal('SIGSTOP')
    const answered: ChatTag[] = []
    const read = async (tag: ChatTag) => {
      await store.messages(tag, { after: 0 }, PAGE)
      answered.push(tag)
    }
    const all = [...Array.from({ length: 1000 }, () => long), other].map(read)
    await eventually(() => asked === PAGES_AT_ONCE, 'a few pages are asked for')
    redis.signal('SIGCONT')
    await Promise.all(all)
    expect(asked).toBe(1001)
    expect(answered.indexOf(other)).toBeLessThanOrEqual(2 * PAGES_AT_ONCE)
  })

  it('that get no answer do not keep the others from working, and work again later', async () => {
    const redis = await aRedis()
    const digests = [SCRIPTS.messages.digest, SCRIPTS.events.digest]
    const isPage = (sent: Buffer) => digests.some((digest) => sent.includes(digest))
    const wire = await openWire(redis.port, { mark: (sent) => isPage(sent) || undefined })
    onTestFinished(wire.close)
    const store = await aNode(`redis://127.0.0.1:${wire.port}`, { maxChatBytes: 100_000_000 })
    const tag = await aChat(store)
    await append(store, tag, 'hello')
    expect(await texts(store, tag)).toEqual(['hello'])
    wire.holdMarked()
    const began = performance.now()
    const held = store.events(tag, 0, ALL)
    const refused = expect(held).rejects.toBeInstanceOf(StoreUnavailable)
    while (performance.now() - began < 4000) await append(store, tag, 'hello')
    await refused
    const isBack = () => store.events(tag, 0, ALL).then(Array.isArray, () => false)
    await eventually(isBack, 'pages are read again', { withinMs: 10_000 })
  })
})
