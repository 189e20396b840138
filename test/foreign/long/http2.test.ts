/** nginx with HTTPS and HTTP/2, as README.md has it: many streams over one connection. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openWire } from '../../kit/wire.ts'
import { createChat, post } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { isLive, openTab, openWindow, SOON, say, shows, startChat } from '../../web/window.ts'
import { followInPage, startChromium } from '../chromium.ts'
import { Growing } from '../growing.ts'
import { startNginx } from '../nginx.ts'

async function aSecureServer() {
  const server = await startServer({ env: { TRUST_PROXY: '127.0.0.1' } })
  return { server, nginx: await startNginx(server.port, { tls: true }) }
}

/** A stream that is read to its end. */
function follow(session: ClientHttp2Session, path: string, user: string) {
  const stream = session.request({ ':path': path, authorization: `Bearer ${user}` })
  const told = new Growing()
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    told.grow()
  })
  stream.on('close', () => told.end('the stream has ended'))
  return { shows: (wanted: string) => told.until(() => text.includes(wanted)) }
}

describe.skipIf(!haveAll('nginx', 'openssl'))('over one HTTP/2 connection', () => {
  it('node:http2 creates a chat, and every one of many streams is told', async () => {
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
    'ten tabs of a browser follow a chat by themselves, and are told at once',
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
      await Promise.all(tabs.map(({ page }) => isLive(page)))
      await say(first, 'hello')
      await Promise.all(tabs.map((tab) => shows(tab, ['hello'])))
      for (const { page, complaints } of tabs) {
        const how = await page.evaluate('performance.getEntriesByType("navigation").map((one) => one.nextHopProtocol)')
        expect([how, complaints]).toEqual([['h2'], []])
      }
    },
    60_000
  )

  it.skipIf(!haveAll('chromium'))(
    'a browser opens many streams of one page, and each is told every message',
    async () => {
      const { server, nginx } = await aSecureServer()
      const { chat, owner } = await createChat(server)
      const { page } = await openWindow(await startChromium('--ignore-certificate-errors'))
      await page.goto(`${nginx.url}/health`)
      const url = `${nginx.url}${new URL(chat).pathname}/events?user_id=${owner}`
      await page.evaluate(`{
      window.ready = 0
      window.told = []
      for (let count = 0; count < 20; count++) {
        const source = new EventSource(${JSON.stringify(url)})
        source.addEventListener('ready', () => window.ready++)
        source.addEventListener('message', ({ data }) => window.told.push(JSON.parse(data).text))
      }
    }`)
      await expect.poll(() => page.evaluate('window.ready'), SOON).toBe(20)
      for (const text of ['one', 'two']) await post(chat, owner, text)
      await expect
        .poll(() => page.evaluate('window.told.sort().join()'), SOON)
        .toBe([...Array(20).fill('one'), ...Array(20).fill('two')].join())
    },
    30_000
  )

  it.skipIf(!haveAll('chromium'))(
    'an EventSource comes back when the server does, and misses nothing',
    async () => {
      const first = await startServer()
      const port = await openWire(first.port)
      onTestFinished(port.close)
      const nginx = await startNginx(port.port, { tls: true })
      const { chat, owner } = await createChat(first)
      const events = `${nginx.url}${new URL(chat).pathname}/events?last_event_id=0&user_id=${owner}`
      const browser = await startChromium('--ignore-certificate-errors')
      const follower = await followInPage(browser, `${nginx.url}/health`, events)
      await post(chat, owner, 'before')
      await follower.hasText('before')

      const second = await startServer({ wrap: () => first.store })
      await first.close()
      await port.down()
      await post(`${second.url}${new URL(chat).pathname}`, owner, 'meanwhile')
      await follower.until(({ failed }) => failed === 2)
      expect(follower.isClosed).toBe(false)
      await port.up(second.port)
      await follower.hasText('meanwhile')
      expect(follower.messages.map(([, , text]) => text)).toEqual(['before', 'meanwhile'])
    },
    40_000
  )
})
