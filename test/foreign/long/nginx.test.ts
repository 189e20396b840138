/** Clients behind an nginx with its default buffering. */
import { describe, expect, it } from 'vitest'
import { exchange } from '../../../src/wire/schemas/links.ts'
import { approve, call, createChat, createLink, knock, post } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'
import { followInPage, startChromium } from '../chromium.ts'
import { as, eventsIn, startCurl } from '../curl.ts'
import { followInNode } from '../follower.ts'
import { startNginx } from '../nginx.ts'
import { followAcrossRestart } from '../restart.ts'

async function startBehindNginx() {
  const server = await startServer()
  const nginx = await startNginx(server.port)
  return { server, nginx, ...(await createChat(nginx)) }
}

describe.skipIf(!haveAll('nginx', 'curl'))('behind nginx, curl', () => {
  it('receives the beginning of a stream at once, and every message when it is posted', async () => {
    const { chat, owner } = await startBehindNginx()
    const curl = startCurl('-siN', ...as(owner), `${chat}/events`)
    await curl.shows('event: ready')
    for (const text of ['one', 'two', 'three']) {
      await post(chat, owner, text)
      await curl.shows(`"text":"${text}"`)
    }
    expect(curl.output()).toMatch(/^Server: nginx\//m)
  }, 15_000)

  it('gets URLs with the host and port of nginx, in answers and streams', async () => {
    const { nginx, chat, owner } = await startBehindNginx()
    const link = await createLink(chat, owner)
    const doorkeeper = startCurl('-sN', ...as(owner), `${chat}/events`)
    await doorkeeper.shows('event: ready')
    const { client } = await knock(link)
    await doorkeeper.shows('event: join_request')
    await approve(link, owner)
    const guest = startCurl('-sN', ...as(client), `${link}/events`)
    expect(await guest.exit).toBe(0)
    const urls = [chat, link, ...`${doorkeeper.output()}${guest.output()}`.matchAll(/http:[^"]+/g)].map(String)
    expect(urls.length).toBeGreaterThan(4)
    expect(new Set(urls.map((url) => new URL(url).origin))).toEqual(new Set([nginx.url]))
  }, 15_000)

  it('gets a complete replay of thousands of messages', async () => {
    const { server, chat, owner } = await startBehindNginx()
    const direct = `${server.url}${new URL(chat).pathname}`
    for (let count = 0; count < 30; count++) {
      const posts = Array.from({ length: 100 }, () => call(direct, { user: owner, json: { text: 'x'.repeat(1000) } }))
      await Promise.all(posts)
    }
    const curl = startCurl('-sN', ...as(owner), '-H', 'Last-Event-ID: 0', `${chat}/events`)
    await curl.shows('event: ready')
    const all = Array.from({ length: 3000 }, (_, index): [string, string] => ['message', `${index + 1}`])
    expect(eventsIn(curl.output())).toEqual([...all, ['ready', '3000']])
    expect(curl.output().match(/"text":"x{1000}"/g)).toHaveLength(3000)
  }, 30_000)

  it('can wait for messages, until the time is over or one is posted', async () => {
    const { chat, owner } = await startBehindNginx()
    const started = performance.now()
    const timedOut = startCurl('-s', ...as(owner), `${chat}?wait=2`)
    expect(await timedOut.exit).toBe(0)
    expect(performance.now() - started).toBeGreaterThan(1900)
    expect(JSON.parse(timedOut.output())).toMatchObject({ messages: [], last_event_id: 0 })
    const waiting = startCurl('-s', ...as(owner), `${chat}?wait=300`)
    await post(chat, owner, 'hello')
    expect(await waiting.exit).toBe(0)
    expect(JSON.parse(waiting.output())).toMatchObject({ messages: [{ id: 1, text: 'hello' }] })
  }, 15_000)

  it('can join with one command, and withdraws its request if it disconnects before the answer', async () => {
    const { chat, owner } = await startBehindNginx()
    const link = await createLink(chat, owner)
    const doorkeeper = await openStream(`${chat}/events`, { user: owner })
    await doorkeeper.until('ready')
    const impatient = startCurl('-s', `${link}?wait=300&name=Ben`)
    expect(await doorkeeper.next()).toMatchObject({ event: 'join_request', data: { name: 'Ben' } })
    impatient.kill()
    expect(await doorkeeper.next()).toMatchObject({ event: 'join_closed', data: { name: 'Ben' } })
    const guest = startCurl('-s', `${link}?wait=300&name=Ana`)
    expect(await doorkeeper.next()).toMatchObject({ event: 'join_request', data: { name: 'Ana' } })
    await approve(link, owner)
    expect(await guest.exit).toBe(0)
    expect(exchange.parse(JSON.parse(guest.output()))).toMatchObject({ state: 'approved', chat })
  }, 15_000)
})

describe.skipIf(!haveAll('nginx', 'chromium'))('behind nginx, an EventSource', () => {
  it('in a program and in a browser misses nothing during a restart of the server', async () => {
    const browser = await startChromium()
    await followAcrossRestart({
      inFront: startNginx,
      follow: async (front, events) => [
        followInNode(events),
        await followInPage(browser, `${front.url}/health`, events)
      ]
    })
  }, 40_000)
})
