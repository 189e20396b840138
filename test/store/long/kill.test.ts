/** Kills the built server with a file store at random moments under load: nothing acknowledged is lost or duplicated. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Crowd, everybody } from '../../kit/crowd.ts'
import { call, createChat, createLink, endingOf, knock, post, requestsOf } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { eventually } from '../../support/eventually.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { aRandom } from '../../support/seed.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'
import { tagIn, watched } from '../contract/support.ts'

/** Fewer if the server starts slowly. */
const KILLS = { most: 12, withinMs: 30_000 }
const CATCH_UP_MS = 20_000
const TIMEOUT_MS = 120_000

describe('a server that is killed', { timeout: TIMEOUT_MS }, () => {
  it('keeps everything that it acknowledged, once and in order, and its clients reconnect by themselves', async () => {
    const random = aRandom()
    const server = await startBuilt({ env: { STORE_URL: `file:${aFolder()}` } })
    const crowd = await Crowd.gather({
      chats: 2,
      random,
      patience: { attempts: 1, givesUp: 0.3 },
      place: () => server.url,
      cast: everybody({ stormMs: 5000, posters: 3 })
    })
    onTestFinished(() => crowd.end())
    const endsAt = performance.now() + KILLS.withinMs
    for (let kill = 0; kill < KILLS.most && performance.now() < endsAt; kill++) {
      await crowd.acknowledged(random.int(1, 60))
      // A random moment, so there is no fact to wait for.
      await sleep(random.int(0, 600))
      crowd.kills.push(Date.now())
      await server.kill()
      await server.start()
    }
    expect(await crowd.finish([server.url], CATCH_UP_MS)).toEqual([])
    expect(crowd.stats.refused).toBe(0)
    const ended = crowd.books.flatMap(({ guests }) => guests.filter(({ ending }) => ending !== undefined))
    expect(ended.length).toBeGreaterThan(0)
    expect(server.output().replaceAll(/^Silly Chat listens on .*\n/gm, '')).toBe('')
  })
})

describe('a deadline that passes while no server runs', () => {
  const TTL = { CHAT_TTL_SECONDS: '3600' }

  it('an expired link has ended at its deadline, and its guest is notified', async () => {
    const folder = aFolder()
    const store = await opened(folder)
    const before = await startServer({ wrap: () => store })
    const { chat, owner } = await createChat(before)
    const link = await createLink(chat, owner, { expires_in: 60 })
    const { client, requestId } = await knock(link)
    const instant = new Date(before.clock.now + 60_000).toISOString()
    const cursor = 1
    await before.close()
    await store.close()

    const reopened = await opened(folder)
    const after = await startServer({ wrap: () => reopened })
    after.clock.now += 3 * 60_000
    const atNew = (url: string) => url.replace(before.url, after.url)
    expect(await endingOf(await call(atNew(link), { user: client }))).toEqual([
      410,
      'link-expired',
      'closed',
      requestId,
      client
    ])
    const [request] = await requestsOf(atNew(chat), owner)
    expect(request).toMatchObject({ state: 'closed', decided_at: instant })
    const stream = await openStream(`${atNew(chat)}/events?last_event_id=${cursor}`, { user: owner })
    // What came due while no server ran is stored when somebody follows the chat, before or after `ready`.
    expect((await stream.until('join_closed')).at(-1)).toMatchObject({ data: { decided_at: instant } })
  })

  it('an idle chat is removed as soon as a server starts, without any request for it', async () => {
    const folder = aFolder()
    const store = await opened(folder)
    const before = await startServer({ env: TTL, wrap: () => store })
    const { chat, owner } = await createChat(before)
    await post(chat, owner, 'hello')
    await before.close()
    await store.close()

    const reopened = await opened(folder)
    const { notified } = await watched(reopened, tagIn(chat))
    const after = await startServer({ env: TTL, wrap: () => reopened, now: before.clock.now + 3_600_000 })
    await eventually(() => notified.includes('gone'), 'the chat is removed')
    expect((await call(chat.replace(before.url, after.url), { user: owner })).status).toBe(404)
  })
})
