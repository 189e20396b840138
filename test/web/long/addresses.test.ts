/** The addresses of the page: what they open, and which secrets they must not reveal. */
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { Browser, Request } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../foreign/chromium.ts'
import { approve, createChat, createChatWithMember, createLink, requestsOf } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import {
  askToJoin,
  expectTexts,
  meet,
  openWindow,
  send,
  startChat,
  untilHeading,
  untilLive,
  type Window
} from '../window.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

/** Fetches a URL with this content coding, without decoding it. */
function fetched(url: string, coding: string) {
  return new Promise<{ headers: NodeJS.Dict<string | string[]>; size: number }>((resolve, reject) => {
    request(url, { headers: { accept: BROWSER, 'accept-encoding': coding } }, (response) => {
      let size = 0
      response.on('data', (bytes: Buffer) => (size += bytes.length))
      response.on('end', () => resolve({ headers: response.headers, size }))
    })
      .on('error', reject)
      .end()
  })
}

describe('a request for an address', () => {
  it('gets the page in a browser, without knocking, and JSON in a program', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const paths = [
      link,
      `${link}/`,
      `${link}?name=Ana`,
      chat,
      `${server.url}/v1/links/none`,
      `${server.url}/i/none`,
      `${server.url}/v1/chats/none`
    ]
    const pages = await Promise.all(paths.map(async (path) => fetch(path, { headers: { accept: BROWSER } })))
    const hashes = await Promise.all(
      pages.map(async (page) =>
        createHash('sha256')
          .update(await page.text())
          .digest('hex')
      )
    )
    expect(new Set(hashes).size).toBe(2)
    expect(pages.map(({ status, headers }) => [status, headers.get('content-type'), headers.get('vary')])).toEqual(
      paths.map(() => [200, 'text/html; charset=utf-8', expect.stringMatching(/\bAccept\b/)])
    )
    expect(await requestsOf(chat, owner)).toEqual([])
    const knocked = await fetch(link, { headers: { accept: '*/*' } })
    expect([knocked.status, await knocked.json()]).toMatchObject([202, { state: 'pending' }])
    const asProgram = await fetch(link, { headers: { accept: 'application/json, text/html;q=0.9' } })
    expect(asProgram.status).toBe(202)
    expect(await requestsOf(chat, owner)).toHaveLength(2)
  })

  it('has a Referrer-Policy, a Content-Security-Policy that allows no other origin, and cannot be framed', async () => {
    const server = await startServer()
    for (const path of ['/', '/v1/links/none', '/v1/chats/none']) {
      const { headers } = await fetch(`${server.url}${path}`, { headers: { accept: BROWSER } })
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy).toMatch(/default-src 'none'/)
      expect(policy).toMatch(/frame-ancestors 'none'/)
      expect(policy).not.toMatch(/unsafe|\*|https?:|data:|blob:/)
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cache-control')).toBe('no-store')
    }
  })

  it.each(['br', 'gzip'])('gets less than 40 kB in total, sent as %s and cached forever', async (coding) => {
    const server = await startServer()
    const page = await (await fetch(server.url, { headers: { accept: BROWSER } })).text()
    const assets = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => `${server.url}${path}`)
    expect(assets.map((path) => path.replace(/^.*\./, '')).sort()).toEqual(['css', 'js', 'js', 'svg'])
    const files = await Promise.all(assets.map((path) => fetched(path, coding)))
    for (const { headers } of files) {
      expect(headers['content-encoding']).toBe(coding)
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
    }
    const document = await fetched(server.url, coding)
    const total = [document, ...files].reduce((sum, { size }) => sum + size, 0)
    expect(total).toBeGreaterThan(5000)
    expect(total).toBeLessThan(40_000)
  })
})

describe.skipIf(!haveAll('chromium'))('in a browser', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  /** Watches for requests that go to another server or have a referrer. */
  function watch({ page }: Window, server: TestServer): () => Promise<string[]> {
    const requests: Promise<string>[] = []
    const check = async (sent: Request): Promise<string> => {
      if (!sent.url().startsWith(`${server.url}/`)) return sent.url()
      // An aborted request has no headers any more.
      const { referer = '' } = await sent.allHeaders().catch(() => ({ referer: '' }))
      return referer === '' ? '' : `${sent.url()} from ${referer}`
    }
    page.context().on('request', (sent) => requests.push(check(sent)))
    return async () => {
      expect(requests.length).toBeGreaterThan(5)
      return (await Promise.all(requests)).filter((wrong) => wrong !== '')
    }
  }

  it('the page sends requests only to its own server, and no referrer', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const found = [watch(owner, server), watch(guest, server)]
    await meet(owner, guest, server.url)
    await send(guest, 'see https://example.com/ and http://example.org')
    await expectTexts(owner, ['see https://example.com/ and http://example.org'])
    await guest.page.reload()
    await untilLive(guest.page)
    await owner.page.getByRole('link', { name: 'All chats' }).click()
    await owner.page.getByRole('link', { name: /With Ana/ }).click()
    await untilLive(owner.page)
    expect(await Promise.all(found.map((wrong) => wrong()))).toEqual([[], []])
    expect([owner.errors, guest.errors]).toEqual([[], []])
  })

  it('back, forward and reload work between the start page and a chat', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    const chat = await startChat(owner, server.url, 'Olga')
    await send(owner, 'here')
    await expectTexts(owner, ['here'])
    await owner.page.goBack()
    await untilHeading(owner, 'Silly Chat')
    await expect.poll(() => owner.page.title()).toBe('Silly Chat')
    await owner.page.goForward()
    await untilLive(owner.page)
    await expectTexts(owner, ['here'])
    expect(owner.page.url()).toBe(chat)
    await owner.page.reload()
    await untilLive(owner.page)
    await owner.page.goBack()
    await untilHeading(owner, 'Silly Chat')
    await owner.page.getByRole('link', { name: /^Untitled chat/ }).click()
    await untilLive(owner.page)
    await owner.page.goBack()
    await untilHeading(owner, 'Silly Chat')
  })

  it('back from a chat leads to the page before the link, and does not knock', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const other = await openWindow(browser)
    await other.page.goto(server.url)
    const code = await askToJoin(other, link, 'Ana')
    await approve(link, owner, code)
    await untilLive(other.page)
    await other.page.goBack()
    await untilHeading(other, 'Silly Chat')
    await other.page.goForward()
    await untilLive(other.page)
    await other.page.goto(link)
    await untilHeading(other, "You're already in this chat")
    await other.page.goBack()
    await untilLive(other.page)
    expect(await requestsOf(chat, owner)).toHaveLength(1)
  })

  it('the address of a chat gives nobody access and says so', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const visitor = await openWindow(browser)
    await visitor.page.goto(chat)
    await untilHeading(visitor, "You're not in this chat on this browser")
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('a user id in a query is ignored and removed from the address', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { page } = await openWindow(browser)
    await page.goto(`${chat}?user_id=${owner}`)
    await untilHeading({ page }, "You're not in this chat on this browser")
    expect(page.url()).toBe(chat)
    await page.goto(`${link}?user_id=${member}&client_id=${member}`)
    await untilHeading({ page }, 'You are invited to a chat')
    expect(page.url()).toBe(link)
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain(member)
    expect(await requestsOf(chat, owner)).toHaveLength(1)
  })

  it('a damaged address says so, and opens no chat', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guest = await openWindow(browser)
    for (const address of [`${link};x`, `${link}%00`, `${link}%2F`, link.slice(0, -20), `${chat}%5C`, `${chat}=2D`]) {
      await guest.page.goto(address)
      await untilHeading(guest, "This address isn't complete")
      expect(await guest.page.getByRole('button').count()).toBe(0)
    }
    await guest.page.getByRole('link', { name: 'Go to the start page' }).click()
    await untilHeading(guest, 'Silly Chat')
    expect(await requestsOf(chat, owner)).toEqual([])
    expect(guest.errors).toEqual([])
  })

  it('an invitation works in quotes, in a sentence or percent-encoded', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guest = await openWindow(browser)
    const code = await askToJoin(guest, link, 'Ana')
    const encoded = link.replace(/[^/]*$/, (id) => id.replaceAll(/./g, (one) => `%${one.charCodeAt(0).toString(16)}`))
    for (const address of [`${link}.`, `${link}"`, `${link}).`, `${link}”`, `${link}’`, `${link}?!`]) {
      await guest.page.goto(address)
      await guest.page.getByText(code).waitFor()
      expect(guest.page.url()).toBe(link)
    }
    await guest.page.goto(encoded)
    await guest.page.getByText(code).waitFor()
    expect(await requestsOf(chat, owner)).toHaveLength(1)
  })

  it('an invitation is the same in both forms, and keeps the one that was opened', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const long = await createLink(chat, owner)
    const short = long.replace('/v1/links/', '/i/')
    for (const [first, other] of [
      [short, long],
      [long, short]
    ] as const) {
      const guest = await openWindow(browser)
      const code = await askToJoin(guest, first, 'Ana')
      for (const address of [
        other,
        `${other}/`,
        first,
        other.replace(/[^/]*$/, (id) => `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`)
      ]) {
        await guest.page.goto(address)
        await guest.page.getByText(code).waitFor()
        expect(guest.page.url()).toBe(address)
      }
      await approve(short, owner, code)
      await untilLive(guest.page)
      expect(guest.page.url()).toBe(chat)
      await guest.page.goto(other)
      await untilHeading(guest, "You're already in this chat")
    }
    const { page } = await openWindow(browser)
    await page.goto(`${server.url}/i/half`)
    await untilHeading({ page }, "This address isn't complete")
    await page.getByRole('link', { name: 'Go to the start page' }).click()
    await page.waitForURL(`${server.url}/`)
    expect(await requestsOf(chat, owner)).toHaveLength(2)
  })

  it('an unknown address shows a page with a link to the start page, without a script', async () => {
    const server = await startServer()
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    const answer = await page.goto(`${server.url}/nowhere/at/all?x=1`)
    expect(answer?.status()).toBe(404)
    await page.getByRole('heading', { name: 'Page not found' }).waitFor()
    expect(await page.evaluate('getComputedStyle(document.querySelector(".button")).borderRadius')).toBe('999px')
    await page.getByRole('link', { name: 'Go to the start page' }).click()
    expect(page.url()).toBe(`${server.url}/`)
    await context.close()
  })

  it('a user id in a query is removed from the history, too', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const { page } = await openWindow(browser)
    const answers: string[] = []
    page.on('response', (answer) => answers.push(`${answer.status()} ${answer.url()}`))
    await page.goto(`${chat}?user_id=${owner}`)
    await untilHeading({ page }, "You're not in this chat on this browser")
    expect(answers.slice(0, 2)).toEqual([`303 ${chat}?user_id=${owner}`, `200 ${chat}`])
    expect(await page.evaluate('performance.getEntriesByType("navigation")[0].name')).toBe(chat)
  })
})
