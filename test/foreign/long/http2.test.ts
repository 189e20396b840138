/** nginx with HTTPS and HTTP/2, as documented in README.md: many streams over one connection. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openWire } from '../../kit/wire.ts'
import { createChat, post } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { expectTexts, openTab, openWindow, SOON, send, startChat, untilLive } from '../../web/window.ts'
import { followInPage, startChromium } from '../chromium.ts'
import { Growing } from '../growing.ts'
import { startNginx } from '../nginx.ts'

async function aSecureServer() {
  const server = await startServer({ env: { TRUST_PROXY: '127.0.0.1' } })
  return { server, nginx: await startNginx(server.port, { tls: true }) }
}

/** Reads a stream to its end. */
function follow(session: ClientHttp2Session, path: string, user: string) {
  const stream = session.request({ ':path': path, authorization: `Bearer ${user}` })
  const received = new Growing()
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    received.grow()
  })
  stream.on('close', () => received.end('the stream has ended'))
  return { shows: (wanted: string) => received.until(() => text.includes(wanted)) }
}

describe.skipIf(!haveAll('nginx', 'openssl'))('over one HTTP/2 connection', () => {
  it('node:http2 can create a chat, and many streams receive every message', async () => {
    const { nginx } = await aSecureServer()
    const session = connect(nginx.url, { ca: nginx.certificate })
    onTestFinished(() => session.destroy())
    const created = session.request({ ':method': 'POST', ':path': '/v1/chats' })
    created.end()
    let body = ''
    for await (const chunk of created.setEncoding('utf8')) body += chunk
    const { chat, author_id } = JSON.parse(body)
    expect(chat).toMatch(`${nginx.url}/v1/chats/`)

    const { pathname } = new URL(chat)
    const streams = Array.from({ length: 30 }, () => follow(session, `${pathname}/events`, author_id))
    await Promise.all(streams.map((stream) => stream.shows('event: ready')))
    const posted = session.request({
      ':method': 'POST',
      ':path': pathname,
      'content-type': 'application/json',
      authorization: `Bearer ${author_id}`
    })
    posted.end('{"text":"to all of you"}')
    const [{ ':status': status }] = await once(posted, 'response')
    expect(status).toBe(201)
    await Promise.all(streams.map((stream) => stream.shows('to all of you')))
  }, 30_000)

  it.skipIf(!haveAll('chromium'))(
    'ten tabs of a browser have a stream each, and receive messages at once',
    async () => {
      const { nginx } = await aSecureServer()
      const first = await openWindow(await startChromium('--ignore-certificate-errors'))
      const chat = await startChat(first, nginx.url, 'Olga')
      const tabs = [first]
      while (tabs.length < 10) {
        const tab = await openTab(first.page.context())
        await tab.page.goto(chat)
        tabs.push(tab)
      }
      await Promise.all(tabs.map(({ page }) => untilLive(page)))
      await send(first, 'hello')
      await Promise.all(tabs.map((tab) => expectTexts(tab, ['hello'])))
      for (const { page, errors } of tabs) {
        const how = await page.evaluate('performance.getEntriesByType("navigation").map((one) => one.nextHopProtocol)')
        expect([how, errors]).toEqual([['h2'], []])
      }
    },
    60_000
  )

  it.skipIf(!haveAll('chromium'))(
    'a browser can open many streams in one page, and each receives every message',
    async () => {
      const { server, nginx } = await aSecureServer()
      const { chat, owner } = await createChat(server)
      const { page } = await openWindow(await startChromium('--ignore-certificate-errors'))
      await page.goto(`${nginx.url}/health`)
      const url = `${nginx.url}${new URL(chat).pathname}/events?user_id=${owner}`
      await page.evaluate(`{
      window.ready = 0
      window.received = []
      for (let count = 0; count < 20; count++) {
        const source = new EventSource(${JSON.stringify(url)})
        source.addEventListener('ready', () => window.ready++)
        source.addEventListener('message', ({ data }) => window.received.push(JSON.parse(data).text))
      }
    }`)
      await expect.poll(() => page.evaluate('window.ready'), SOON).toBe(20)
      for (const text of ['one', 'two']) await post(chat, owner, text)
      await expect
        .poll(() => page.evaluate('window.received.sort().join()'), SOON)
        .toBe([...Array(20).fill('one'), ...Array(20).fill('two')].join())
    },
    30_000
  )

  it.skipIf(!haveAll('chromium'))(
    'an EventSource reconnects after a restart of the server, and misses nothing',
    async () => {
      const first = await startServer()
      const wire = await openWire(first.port)
      onTestFinished(wire.close)
      const nginx = await startNginx(wire.port, { tls: true })
      const { chat, owner } = await createChat(first)
      const events = `${nginx.url}${new URL(chat).pathname}/events?last_event_id=0&user_id=${owner}`
      const browser = await startChromium('--ignore-certificate-errors')
      const follower = await followInPage(browser, `${nginx.url}/health`, events)
      await post(chat, owner, 'before')
      await follower.hasText('before')

      const second = await startServer({ wrap: () => first.store })
      await first.close()
      await wire.down()
      await post(`${second.url}${new URL(chat).pathname}`, owner, 'meanwhile')
      await follower.until(({ failed }) => failed === 2)
      expect(follower.isClosed).toBe(false)
      await wire.up(second.port)
      await follower.hasText('meanwhile')
      expect(follower.messages.map(([, , text]) => text)).toEqual(['before', 'meanwhile'])
    },
    40_000
  )
})
