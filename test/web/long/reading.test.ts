/** Reading a long chat, a chat with new messages, and malicious texts. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import type { Sender } from '../../../src/chat/door.ts'
import { newRequestId } from '../../../src/chat/ids.ts'
import type { Store } from '../../../src/chat/store.ts'
import { startChromium } from '../../foreign/chromium.ts'
import { tagIn } from '../../store/contract/support.ts'
import { createChat, post } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openWindow, SOON, send, untilLive, type Window } from '../window.ts'

interface Reading {
  readonly server: TestServer
  readonly chat: string
  readonly owner: string
  /** Adds messages to the chat directly in the store. */
  write(messages: readonly string[], from?: Sender): Promise<void>
  /** Opens the chat as its owner Olga. */
  read(size?: { width?: number; height?: number }, prepare?: (page: Page) => unknown): Promise<Window>
}

async function startReading(store?: Store): Promise<Reading> {
  const server = await startServer({ env: { RATE_LIMIT: 'off' }, wrap: (own) => store ?? own })
  const browser = await startChromium()
  const { chat, owner } = await createChat(server)
  const path = new URL(chat).pathname
  const tag = tagIn(chat)
  return {
    server,
    chat,
    owner,
    write: async (messages, from = 'owner') => {
      const rights = (await server.store.load(tag))?.door.rights ?? 0
      for (const text of messages) await server.store.append(tag, rights, { from, text, createdAt: server.clock.now })
    },
    read: async (size = {}, prepare = () => {}) => {
      const window = await openWindow(browser, size)
      await prepare(window.page)
      const key = JSON.stringify({ userId: owner, name: 'Olga', since: server.clock.now })
      await window.page.addInitScript(`localStorage.setItem('silly-chat:chat:${path}', ${JSON.stringify(key)})`)
      await window.page.goto(chat)
      await window.page.locator('.said').last().waitFor()
      await untilLive(window.page)
      return window
    }
  }
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `Ana: Line ${from + index}`)

const countRendered = (page: Page): Promise<number> => page.locator('.said').count()

/** The distance of the view from the end of the list, in pixels. */
function distanceToEnd(page: Page): Promise<number> {
  return page.evaluate(`{
    const box = document.querySelector('.scroll')
    Math.round(box.scrollHeight - box.scrollTop - box.clientHeight)
  }`)
}

/** Scrolls up until more messages are rendered, and returns by how many pixels the visible ones have moved. */
function jumpOnScroll(page: Page, scrollTop: number): Promise<number> {
  return page.evaluate(`(async () => {
    const box = document.querySelector('.scroll')
    const count = () => box.querySelectorAll('.said').length
    const frame = () => new Promise(requestAnimationFrame)
    const before = count()
    box.scrollTop = ${scrollTop}
    const { top } = box.getBoundingClientRect()
    // Measures the text: the name above it is hidden if the message before has the same author.
    const seen = [...box.querySelectorAll('.said .text')].find((one) => one.getBoundingClientRect().top > top)
    const was = seen.getBoundingClientRect().top
    while (count() === before) await frame()
    await frame()
    await frame()
    return Math.abs(seen.getBoundingClientRect().top - was)
  })()`)
}

/** `[text, name, displayed text, links]` */
const TEXTS: [text: string, name: string, shown: string, links?: string[]][] = [
  ['Ana: <img src=x onerror=alert(1)>', 'Ana', '<img src=x onerror=alert(1)>'],
  ['Ana: <script>alert(1)</script><iframe src=/>', 'Ana', '<script>alert(1)</script><iframe src=/>'],
  ['Ana: javascript:alert(1) data:text/html,x vbscript:x', 'Ana', 'javascript:alert(1) data:text/html,x vbscript:x'],
  ['Ana: Ben: hi', 'Ana', 'Ben: hi'],
  ['Ana: : hi', 'Ana', ': hi'],
  [': hi', 'No name', ': hi'],
  ['علی\u200cرضا: سلام', 'علی\u200cرضا', 'سلام'],
  ['\u200d: hi', 'No name', '\u200d: hi'],
  ['An\u200ba: hi', 'No name', 'An\u200ba: hi'],
  ['http://x: y', 'No name', 'http://x: y', ['http://x']],
  ['https://example.org: see there', 'No name', 'https://example.org: see there', ['https://example.org']],
  [' Ana: hi', 'No name', ' Ana: hi'],
  ['Ana:hi', 'No name', 'Ana:hi'],
  ['Ana: ', 'No name', 'Ana: '],
  [`${'n'.repeat(64)}: hi`, 'n'.repeat(64), 'hi'],
  [`${'n'.repeat(65)}: hi`, 'No name', `${'n'.repeat(65)}: hi`],
  ['A\u202ena: hi', 'No name', 'A\u202ena: hi'],
  ['Ana\u200b: hi', 'No name', 'Ana\u200b: hi'],
  ['Ana\nBen: hi', 'No name', 'Ana\nBen: hi'],
  ['Ana: https://a.example/b?c=d#e.', 'Ana', 'https://a.example/b?c=d#e.', ['https://a.example/b?c=d#e']],
  [
    'Ana: (see https://a.example/b), [http://b.example]!',
    'Ana',
    '(see https://a.example/b), [http://b.example]!',
    ['https://a.example/b', 'http://b.example']
  ],
  ['Ana: https://a.example/Foo_(bar).', 'Ana', 'https://a.example/Foo_(bar).', ['https://a.example/Foo_(bar)']],
  [
    'Ana: <https://a.example/> "https://b.example/"',
    'Ana',
    '<https://a.example/> "https://b.example/"',
    ['https://a.example/', 'https://b.example/']
  ],
  ['Ana: https://bank.example@evil.example/', 'Ana', 'https://bank.example@evil.example/', []],
  ['Ana: https://a.example/\u202egnp.exe', 'Ana', 'https://a.example/\u202egnp.exe', ['https://a.example/']],
  ['Ana: https:// http://] https://a b', 'Ana', 'https:// http://] https://a b', ['https://a']],
  ['Ana: \u200b\u200d\u2060', 'Ana', '\u200b\u200d\u2060'],
  ['Ana: one\n\ttwo  three', 'Ana', 'one\n\ttwo  three'],
  ['Ana: 👩‍👩‍👧 🇦🇹 👍🏽', 'Ana', '👩‍👩‍👧 🇦🇹 👍🏽'],
  [`Ana: ${'w'.repeat(3990)}`, 'Ana', 'w'.repeat(3990)],
  [`Ana: a${'\u0301\u0316'.repeat(1900)}`, 'Ana', `a${'\u0301\u0316'.repeat(1900)}`]
]

describe.skipIf(!haveAll('chromium'))('reading', { timeout: 120_000 }, () => {
  it('a chat of 10,000 messages opens at its end, and can be read to its beginning without a jump', async () => {
    const { write, read } = await startReading()
    await write(lines(1, 10_000))
    const began = performance.now()
    const { page, errors } = await read({ width: 400 })
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(await page.locator('.said').last().innerText()).toContain('Line 10000')
    expect([await countRendered(page), await distanceToEnd(page)]).toEqual([200, 0])

    const jumps: number[] = []
    for (let turn = 0; turn < 48; turn++) jumps.push(await jumpOnScroll(page, turn % 2 === 0 ? 300 : 0))
    expect(Math.max(...jumps)).toBeLessThanOrEqual(2)
    await page.mouse.move(200, 300)
    await expect
      .poll(async () => {
        await page.mouse.wheel(0, -5000)
        return await page.getByText('Line 1', { exact: true }).count()
      }, SOON)
      .toBe(1)
    await page.locator('.scroll').focus()
    await page.keyboard.press('Home')
    await expect.poll(() => page.evaluate("document.querySelector('.scroll').scrollTop"), SOON).toBe(0)
    expect(await page.locator('.said').first().innerText()).toContain('Line 1')
    expect(await countRendered(page)).toBe(10_000)
    await page.keyboard.press('End')
    await expect.poll(() => distanceToEnd(page), SOON).toBe(0)
    expect(errors).toEqual([])
  })

  it('a reader who has scrolled up stays there, sees the number of new messages, and can go to them', async () => {
    const { write, read } = await startReading()
    await write(lines(1, 100))
    const window = await read()
    const { page } = window
    const marker = page.locator('.newer')

    await page.mouse.move(300, 200)
    await page.mouse.wheel(0, -1500)
    await expect.poll(() => distanceToEnd(page)).toBeGreaterThan(1000)
    // Scrolling by wheel continues for a while.
    await page.evaluate('new Promise((done) => setTimeout(done, 300))')
    const position = () => page.evaluate("document.querySelector('.scroll').scrollTop")
    const before = await position()
    await write(['Ana: while you read'])
    await marker.getByText('1 new message').waitFor()
    await write(['Ana: and more'])
    await marker.getByText('2 new messages').waitFor()
    expect(await position()).toBe(before)
    await marker.click()
    await expect.poll(() => distanceToEnd(page), SOON).toBe(0)
    expect(await marker.count()).toBe(0)

    await write(['Ana: at the end'])
    await page.getByText('at the end').waitFor()
    expect([await distanceToEnd(page), await marker.count()]).toEqual([0, 0])

    await page.mouse.wheel(0, -1500)
    await expect.poll(() => distanceToEnd(page)).toBeGreaterThan(1000)
    await send(window, 'I speak')
    await page.locator('.said:not(.unsent)').getByText('I speak').waitFor()
    expect([await distanceToEnd(page), await marker.count()]).toEqual([0, 0])
  })

  it('a new size of the window marks no message as new', async () => {
    const { write, read } = await startReading()
    await write(lines(1, 3))
    const { page } = await read()
    await page.setViewportSize({ width: 800, height: 500 })
    await page.getByLabel('Message', { exact: true }).fill('one\ntwo\nthree\nfour')
    // The page has processed the event after two frames.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))')
    expect(await page.locator('.newer').count()).toBe(0)
  })

  it('a tab that is open for a long time renders only the latest messages', async () => {
    const { write, read } = await startReading()
    await write(lines(1, 10))
    const { page } = await read()
    for (let from = 11; from < 1011; from += 100) {
      await write(lines(from, from + 99))
      await page.getByText(`Line ${from + 99}`, { exact: true }).waitFor()
    }
    expect(await countRendered(page)).toBeLessThanOrEqual(400)
    expect(await distanceToEnd(page)).toBe(0)
    // The older messages can still be read.
    expect(await jumpOnScroll(page, 300)).toBeLessThanOrEqual(2)
  })

  it('messages of one sender within five minutes are grouped, whatever they say, and days are separated', async () => {
    const { server, write, read } = await startReading()
    const codes = [newRequestId(), newRequestId()]
    const messages: [minutes: number, text: string][] = [
      [0, 'Ana: first'],
      [4, 'Ana: soon after'],
      [6, 'Ana: later'],
      [1, 'Ben: another'],
      [1, 'nobody in particular'],
      [1, 'Ana: again'],
      [1, 'Olga: I am the owner, send me money'],
      [24 * 60, 'Ana: the next day'],
      [1, 'Olga: my own']
    ]
    for (const [minutes, text] of messages) {
      server.clock.now += minutes * 60_000
      // Ben poses as the owner.
      const isOfBen = /^(Ben|Olga: I)/.test(text)
      await write([text], text.startsWith('Ana') ? codes[0] : isOfBen ? codes[1] : 'owner')
    }
    const { page } = await read()
    const shown = await page.evaluate(`[...document.querySelectorAll('.messages > li')].map((one) => {
    if (one.classList.contains('day')) return 'day'
    const author = one.querySelector('.author:not(.unseen)')
    return (author ? author.textContent + ': ' : '') + one.querySelector('.text').textContent
  })`)
    expect(shown).toEqual([
      'day',
      'Ana: first',
      'soon after',
      'Ana: later',
      'Ben: another',
      'No name: nobody in particular',
      'Ana: again',
      'Olga: I am the owner, send me money',
      'day',
      'Ana: the next day',
      'Olga: my own'
    ])
  })

  it('days near the present one are named, also after midnight, and the time tells the full date', async () => {
    const { server, write, read } = await startReading()
    const evening = new Date(2026, 10, 30, 23, 59, 30).getTime()
    for (const days of [400, 1, 0]) {
      server.clock.now = evening - days * 24 * 60 * 60_000
      await write([`Ana: ${days} days ago`])
    }
    const { page } = await read({}, (opened) => opened.clock.install({ time: evening }))
    const days = (): Promise<string[]> => page.locator('.day').allInnerTexts()
    expect(await days()).toEqual(['October 26, 2025', 'Yesterday', 'Today'])
    expect(await page.locator('.said time').first().getAttribute('title')).toMatch(
      /^Sunday, October 26, 2025.* 11:59\sPM$/
    )
    await page.clock.runFor(60_000)
    await expect.poll(days, SOON).toEqual(['October 26, 2025', 'Sunday, November 29', 'Yesterday'])
  })

  it('every text is displayed as it is, and only URLs in it become links', async () => {
    const { server, write, read } = await startReading()
    for (const [text] of TEXTS) {
      // Prevents grouping, so that each message shows its name.
      server.clock.now += 6 * 60_000
      await write([text])
    }
    const { page, errors } = await read({ width: 320, height: 640 })
    const dialogs: string[] = []
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message())
      void dialog.dismiss()
    })
    const shown = await page.evaluate(`[...document.querySelectorAll('.said')].map((one) => [
    one.querySelector('.author').textContent,
    one.querySelector('.text').textContent,
    [...one.querySelectorAll('a')].map((link) => link.getAttribute('href'))
  ])`)
    expect(shown).toEqual(TEXTS.map(([, name, text, links = []]) => [name, text, links]))
    const links = await page.evaluate(
      "[...new Set([...document.querySelectorAll('.said a')].map(({ rel, target }) => rel + ' ' + target))]"
    )
    expect(links).toEqual(['noopener noreferrer _blank'])
    const strange = await page.evaluate(`[
    document.querySelectorAll('#app :is(img, script, iframe, object, embed, style, link, base, meta)').length,
    document.querySelectorAll('.said [style], .said [onerror], .said [onclick]').length,
    [...document.querySelectorAll('.scroll, .said, .text, html')].filter((one) => one.scrollWidth > one.clientWidth + 1).length
  ]`)
    expect(strange).toEqual([0, 0, 0])
    expect([dialogs, errors]).toEqual([[], []])
  })

  it('no text changes the direction or the position of other text', async () => {
    const { write, read } = await startReading()
    const marks = 'a\u0316\u0301'.concat('\u0301\u0316'.repeat(1900))
    await write(['Ana: plain', 'Ana: \u202eright to left override', 'Ana: \u2067\u2066\u2068 isolates', 'Ana: plain'])
    await write(['Ana: שלום hello', 'Ana: مرحبا\nhello', `Ana: ${marks}`, 'Ana: plain'])
    const { page } = await read({ width: 320, height: 640 })
    const shown: { direction: string; inner: number[]; time: number[] }[] = await page.evaluate(`
    [...document.querySelectorAll('.said')].map((one) => {
      const text = one.querySelector('.text')
      const range = document.createRange()
      range.selectNodeContents(text)
      const box = one.querySelector('.bubble').getBoundingClientRect()
      const [{ left, right }] = range.getClientRects()
      const time = one.querySelector('time').getBoundingClientRect()
      return {
        direction: getComputedStyle(text).direction,
        inner: [Math.round(left - box.left), Math.round(box.right - right)],
        time: [Math.round(time.width), Math.round(box.right - time.right)]
      }
    })`)
    expect(shown.map(({ direction }) => direction)).toEqual(['ltr', 'ltr', 'ltr', 'ltr', 'rtl', 'rtl', 'ltr', 'ltr'])
    // The time has the same width and position in all messages, and later messages look like earlier ones.
    expect(new Set(shown.map(({ time }) => `${time}`)).size).toBe(1)
    expect([shown[3]?.inner, shown[7]?.inner]).toEqual([shown[0]?.inner, shown[0]?.inner])
    // Nothing is painted outside its message.
    expect(
      await page.evaluate("[...document.querySelectorAll('.said')].map((one) => getComputedStyle(one).contain)")
    ).toEqual(shown.map(() => 'content'))
  })
})

describe.skipIf(!haveAll('chromium', 'redis-server', 'redis-cli'))('reading a chat whose ids have jumped', () => {
  it('shows every message, with a request for each page and one stream', { timeout: 120_000 }, async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url)
    const { chat, owner, read } = await startReading(store)
    const restart = async () => {
      await redis.kill()
      await redis.start()
      await eventually(() => store.ping().then(() => true), 'the store reaches the server', { withinMs: 10_000 })
    }
    const ids: number[] = []
    const say = async (from: number, to: number) => {
      for (const text of lines(from, to)) ids.push(await post(chat, owner, text))
    }
    await say(1, 150)
    await redis.cli('save')
    await restart()
    await say(151, 300)
    await redis.cli('save')
    await restart()
    await say(301, 450)
    await redis.cli('save')
    expect([ids[0], ids[149], ids.length]).toEqual([1, 150, 450])
    expect(ids[150]).toBeGreaterThan(1_700_000_000_000)

    const requests: string[] = []
    const { page, errors } = await read({ width: 400 }, (page) =>
      page.on('request', (request) => {
        const url = new URL(request.url())
        if (request.resourceType() === 'fetch' && url.href.startsWith(chat)) requests.push(url.href.slice(chat.length))
      })
    )
    expect([...requests].sort()).toEqual(['/events', '/join-requests', '?last=200'])
    expect(await page.locator('.said').last().innerText()).toContain('Line 450')

    const texts = () => page.locator('.said .text').allInnerTexts()
    const expectAll = async (to: number) => {
      await page.locator('.scroll').hover()
      await expect
        .poll(async () => {
          await page.mouse.wheel(0, -5000)
          return (await texts()).at(0)
        }, SOON)
        .toBe('Line 1')
      expect(await texts()).toEqual(Array.from({ length: to }, (_, index) => `Line ${index + 1}`))
    }
    await expectAll(450)
    expect(requests.filter((one) => one.startsWith('?'))).toEqual([
      '?last=200',
      `?last=200&before=${ids[250]}`,
      `?last=200&before=${ids[50]}`
    ])

    // The log loses its end while the page is open: the stream gets a reset, and the page reads the newest messages again.
    await post(chat, owner, 'Ana: Lost')
    await page.getByText('Lost', { exact: true }).waitFor({ state: 'attached' })
    requests.length = 0
    await restart()
    await say(451, 453)
    await page.getByText('Line 453', { exact: true }).waitFor({ state: 'attached' })
    await untilLive(page)
    await expectAll(453)
    expect(requests.filter((one) => one.startsWith('?')).length).toBeLessThanOrEqual(4)
    expect(requests.length).toBeLessThanOrEqual(8)
    expect(errors).toEqual([])
  })
})
