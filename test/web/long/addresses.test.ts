/** What the addresses of the page do, and what they must not give away. */
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { Browser, Request } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../foreign/chromium.ts'
import { approve, createChat, createChatWithMember, createLink, requestsOf } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { askToJoin, carry, isLive, meet, openWindow, say, shows, startChat, type Window } from '../window.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

async function sees({ page }: Window, heading: string): Promise<void> {
  await page.getByRole('heading', { name: heading, exact: true }).waitFor()
}

/** What the browser of a person keeps of chats. */
function kept({ page }: Window): Promise<unknown> {
  return page.evaluate('Object.entries(localStorage).filter(([name]) => /^silly-chat:(chat|request):/.test(name))')
}

/** What is sent to who takes this coding, not decoded. */
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

describe('an address that is asked for', () => {
  it('gives browsers the page, whatever it names, and knocks at nothing; programs get JSON', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const paths = [
      link,
      `${link}/`,
      `${link}?name=Ana`,
      chat,
      `${server.url}/v1/links/none`,
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
    expect(new Set(hashes).size).toBe(1)
    expect(pages.map(({ status, headers }) => [status, headers.get('content-type'), headers.get('vary')])).toEqual(
      paths.map(() => [200, 'text/html; charset=utf-8', expect.stringMatching(/\bAccept\b/)])
    )
    expect(await requestsOf(chat, owner)).toEqual([])
    const asked = await fetch(link, { headers: { accept: '*/*' } })
    expect([asked.status, await asked.json()]).toMatchObject([202, { state: 'pending' }])
    const asProgram = await fetch(link, { headers: { accept: 'application/json, text/html;q=0.9' } })
    expect(asProgram.status).toBe(202)
    expect(await requestsOf(chat, owner)).toHaveLength(2)
  })

  it('comes without a referrer, with a policy that lets in nothing from elsewhere, and may not be framed', async () => {
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

  it.each(['br', 'gzip'])(
    'weighs less than 40 kB with all that it needs, sent as %s and kept for ever',
    async (coding) => {
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
    }
  )
})

describe.skipIf(!haveAll('chromium'))('in a browser', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  /** Gives what is wrong with the requests of a person: those that go elsewhere, or say from where they come. */
  function watch({ page }: Window, server: TestServer): () => Promise<string[]> {
    const asked: Promise<string>[] = []
    const look = async (sent: Request): Promise<string> => {
      if (!sent.url().startsWith(`${server.url}/`)) return sent.url()
      // A request that was given up has no headers any more.
      const { referer = '' } = await sent.allHeaders().catch(() => ({ referer: '' }))
      return referer === '' ? '' : `${sent.url()} from ${referer}`
    }
    page.context().on('request', (sent) => asked.push(look(sent)))
    return async () => {
      expect(asked.length).toBeGreaterThan(5)
      return (await Promise.all(asked)).filter((wrong) => wrong !== '')
    }
  }

  it('a whole walk asks no other server for anything, and tells nobody where it comes from', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const found = [watch(owner, server), watch(guest, server)]
    await meet(owner, guest, server.url)
    await say(guest, 'see https://example.com/ and http://example.org')
    await shows(owner, ['see https://example.com/ and http://example.org'])
    await guest.page.reload()
    await isLive(guest.page)
    await owner.page.getByRole('link', { name: 'All chats' }).click()
    await owner.page.getByRole('link', { name: /With Ana/ }).click()
    await isLive(owner.page)
    expect(await Promise.all(found.map((wrong) => wrong()))).toEqual([[], []])
    expect([owner.complaints, guest.complaints]).toEqual([[], []])
  })

  it('back, forward and reload lead from the start to the chat and again', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    const chat = await startChat(owner, server.url, 'Olga')
    await say(owner, 'here')
    await shows(owner, ['here'])
    await owner.page.goBack()
    await sees(owner, 'Silly Chat')
    await expect.poll(() => owner.page.title()).toBe('Silly Chat')
    await owner.page.goForward()
    await isLive(owner.page)
    await shows(owner, ['here'])
    expect(owner.page.url()).toBe(chat)
    await owner.page.reload()
    await isLive(owner.page)
    await owner.page.goBack()
    await sees(owner, 'Silly Chat')
    await owner.page.getByRole('link', { name: /A chat of yours/ }).click()
    await isLive(owner.page)
    await owner.page.goBack()
    await sees(owner, 'Silly Chat')
  })

  it('the way back from a chat is what was before the link, and knocks at nothing', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const other = await openWindow(browser)
    await other.page.goto(server.url)
    const code = await askToJoin(other, link, 'Ana')
    await approve(link, owner, code)
    await isLive(other.page)
    await other.page.goBack()
    await sees(other, 'Silly Chat')
    await other.page.goForward()
    await isLive(other.page)
    await other.page.goto(link)
    await sees(other, 'You are in this chat already')
    await other.page.goBack()
    await isLive(other.page)
    expect(await requestsOf(chat, owner)).toHaveLength(1)
  })

  it('the address of a chat lets nobody in and says so', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const stranger = await openWindow(browser)
    await stranger.page.goto(chat)
    await sees(stranger, 'This address lets nobody in')
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('a user id in a query is not taken, and is out of the address at once', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { page } = await openWindow(browser)
    await page.goto(`${chat}?user_id=${owner}`)
    await sees({ page, complaints: [] }, 'This address lets nobody in')
    expect(page.url()).toBe(chat)
    await page.goto(`${link}?user_id=${member}&client_id=${member}`)
    await sees({ page, complaints: [] }, 'You are invited to a chat')
    expect(page.url()).toBe(link)
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain(member)
    expect(await requestsOf(chat, owner)).toHaveLength(1)
  })

  it('an address that cannot be read says so, and opens no chat', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guest = await openWindow(browser)
    for (const address of [`${link};x`, `${link}%00`, `${link}%2F`, link.slice(0, -20), `${chat}%5C`, `${chat}=2D`]) {
      await guest.page.goto(address)
      await sees(guest, 'This address is not complete')
      expect(await guest.page.getByRole('button').count()).toBe(0)
    }
    await guest.page.getByRole('link', { name: 'To the start' }).click()
    await sees(guest, 'Silly Chat')
    expect(await requestsOf(chat, owner)).toEqual([])
    expect(guest.complaints).toEqual([])
  })

  it('an invitation is the same however its address arrives: in quotes, in a sentence, percent-encoded', async () => {
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

  it('where there is nothing a page leads to the start, without a script', async () => {
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

  it('a user id in a query is out of the history, too', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const { page } = await openWindow(browser)
    const asked: string[] = []
    page.on('response', (answer) => asked.push(`${answer.status()} ${answer.url()}`))
    await page.goto(`${chat}?user_id=${owner}`)
    await sees({ page, complaints: [] }, 'This address lets nobody in')
    expect(asked.slice(0, 2)).toEqual([`303 ${chat}?user_id=${owner}`, `200 ${chat}`])
    expect(await page.evaluate('performance.getEntriesByType("navigation")[0].name')).toBe(chat)
  })

  describe('a key that is carried to another device', () => {
    it('is taken only on a word, and is out of the address and of the history before', async () => {
      const server = await startServer()
      const owner = await openWindow(browser)
      const chat = await startChat(owner, server.url, 'Olga')
      await say(owner, 'from the desk')
      const address = await carry(owner)
      expect(address).toMatch(/^http:\/\/localhost:\d+\/v1\/chats\/[\w-]+#carry=/)

      const telephone = await openWindow(browser, { width: 360 })
      await telephone.page.goto(server.url)
      await telephone.page.goto(address)
      await sees(telephone, 'Carry on here?')
      expect(telephone.page.url()).toBe(chat)
      expect(await telephone.page.evaluate('history.length')).toBe(3)
      expect(await kept(telephone)).toEqual([])
      await telephone.page.getByRole('button', { name: 'No', exact: true }).click()
      await sees(telephone, 'This address lets nobody in')
      expect(await kept(telephone)).toEqual([])
      await telephone.page.reload()
      await sees(telephone, 'This address lets nobody in')

      await telephone.page.goto(server.url)
      await telephone.page.goto(address)
      await telephone.page.getByRole('button', { name: 'Carry on here' }).click()
      await isLive(telephone.page)
      await shows(telephone, ['from the desk'])
      await telephone.page.getByRole('button', { name: 'People' }).waitFor()
      await say(telephone, 'from the pocket')
      await shows(owner, ['from the desk', 'from the pocket'])
      // What was said on the other device is known by its name alone, which proves nothing.
      expect(await telephone.page.locator('.said.own').allInnerTexts()).toEqual([
        expect.stringContaining('from the pocket')
      ])
      await telephone.page.goBack()
      await sees(telephone, 'Silly Chat')
      await telephone.page.goForward()
      await isLive(telephone.page)
      expect(telephone.page.url()).toBe(chat)
    })

    it('can be opened in a tab that shows the chat already', async () => {
      const server = await startServer()
      const owner = await openWindow(browser)
      const chat = await startChat(owner, server.url, 'Olga')
      const address = await carry(owner)
      const telephone = await openWindow(browser)
      await telephone.page.goto(chat)
      await sees(telephone, 'This address lets nobody in')
      // As by pasting: the same page, only the fragment changes.
      await telephone.page.goto(address)
      await sees(telephone, 'Carry on here?')
      expect(telephone.page.url()).toBe(chat)
      await telephone.page.goBack()
      await sees(telephone, 'This address lets nobody in')
      expect(await kept(telephone)).toEqual([])
    })

    it('lets a guest leave the chat from there', async () => {
      const server = await startServer()
      const owner = await openWindow(browser)
      const guest = await openWindow(browser)
      await meet(owner, guest, server.url)
      const telephone = await openWindow(browser)
      await telephone.page.goto(await carry(guest))
      await telephone.page.getByText('as Ana').waitFor()
      await telephone.page.getByRole('button', { name: 'Carry on here' }).click()
      await isLive(telephone.page)
      await telephone.page.getByRole('button', { name: 'More' }).click()
      await telephone.page.getByRole('button', { name: 'Leave this chat …' }).click()
      await telephone.page.getByRole('button', { name: 'Leave', exact: true }).click()
      await telephone.page.waitForURL(`${server.url}/`)
      await sees(guest, 'You have left this chat')
    })

    it('warns where another key to the chat would be lost, and leaves that alone unless told otherwise', async () => {
      const server = await startServer()
      const owner = await openWindow(browser)
      const guest = await openWindow(browser)
      await meet(owner, guest, server.url)
      const before = await kept(guest)
      await guest.page.goto(server.url)
      await guest.page.goto(await carry(owner))
      await guest.page.getByText('You are in this chat here already, as Ana.').waitFor()
      await guest.page.getByRole('button', { name: 'No', exact: true }).click()
      await isLive(guest.page)
      expect(await kept(guest)).toEqual(before)
      await guest.page.getByRole('button', { name: 'More' }).waitFor()
    })

    it('does no harm where it is broken', async () => {
      const server = await startServer()
      const { chat } = await createChat(server)
      const id = '406a3207-a070-4411-b9b6-8527c0c19c7e'
      const { page, complaints } = await openWindow(browser)
      const broken = [
        '',
        '%',
        '%E0%A4%A',
        'null',
        '{}',
        '[]',
        '[1,2]',
        `["${id.slice(1)}"]`,
        `["${id}x","Ana"]`,
        '["<img src=x onerror=alert(1)>"]',
        `"${id}"`
      ]
      for (const fragment of broken) {
        await page.goto('about:blank')
        await page.goto(`${chat}#carry=${fragment}`)
        await sees({ page, complaints }, 'This address lets nobody in')
        expect(page.url()).toBe(chat)
      }
      // Half of it is good: what is not is left out.
      await page.goto('about:blank')
      await page.goto(`${chat}#carry=${encodeURIComponent(JSON.stringify([id, 'a\u202eb', '../../x']))}`)
      await page.getByText('This address holds the key to a chat.').waitFor()
      await page.getByRole('button', { name: 'Carry on here' }).click()
      await sees({ page, complaints }, 'You are no longer in this chat')
      for (const elsewhere of ['/', `/v1/links/${'x'.repeat(43)}`]) {
        await page.goto('about:blank')
        await page.goto(`${server.url}${elsewhere}#carry=${encodeURIComponent(JSON.stringify([id, 'Ana']))}`)
        await page.locator('h1').waitFor()
        expect(page.url()).toBe(server.url + elsewhere)
      }
      expect(complaints).toEqual([])
    })
  })
})
