/** Reading: a long chat, one that goes on while one reads, and texts that somebody has written to do harm. */
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { type ChatId, tagOf } from '../../../src/chat/ids.ts'
import { startChromium } from '../../foreign/chromium.ts'
import { createChat } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { isLive, openWindow, SOON, say, type Window } from '../window.ts'

interface Reading {
  readonly server: TestServer
  /** Puts messages into the chat, past the network. */
  write(messages: readonly string[]): Promise<void>
  /** Opens the chat as Olga, who owns it. */
  read(size?: { width?: number; height?: number }): Promise<Window>
}

async function startReading(): Promise<Reading> {
  const server = await startServer({ env: { RATE_LIMIT: 'off' } })
  const browser = await startChromium()
  const { chat, owner } = await createChat(server)
  const path = new URL(chat).pathname
  const tag = tagOf(path.split('/').at(-1) as ChatId)
  return {
    server,
    write: async (messages) => {
      const rights = (await server.store.load(tag))?.door.rights ?? 0
      for (const text of messages) await server.store.append(tag, rights, { text, createdAt: server.clock.now })
    },
    read: async (size = {}) => {
      const window = await openWindow(browser, size)
      const kept = JSON.stringify({ userId: owner, name: 'Olga', since: server.clock.now })
      await window.page.addInitScript(`localStorage.setItem('silly-chat:chat:${path}', ${JSON.stringify(kept)})`)
      await window.page.goto(chat)
      await window.page.locator('.said').last().waitFor()
      await isLive(window.page)
      return window
    }
  }
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `Ana: Line ${from + index}`)

const drawn = (page: Page): Promise<number> => page.locator('.said').count()

/** How far the view is from its end, in pixels. */
function toEnd(page: Page): Promise<number> {
  return page.evaluate(`{
    const box = document.querySelector('.scroll')
    Math.round(box.scrollHeight - box.scrollTop - box.clientHeight)
  }`)
}

/** Scrolls near to the beginning of what is drawn, and gives how far what was seen then has moved once there is more. */
function moreAbove(page: Page, scrollTop: number): Promise<number> {
  return page.evaluate(`(async () => {
    const box = document.querySelector('.scroll')
    const count = () => box.querySelectorAll('.said').length
    const frame = () => new Promise(requestAnimationFrame)
    const before = count()
    box.scrollTop = ${scrollTop}
    const { top } = box.getBoundingClientRect()
    // Of the text, since a name above it goes where it turns out to go on with what stands before it.
    const seen = [...box.querySelectorAll('.said .text')].find((one) => one.getBoundingClientRect().top > top)
    const was = seen.getBoundingClientRect().top
    while (count() === before) await frame()
    await frame()
    await frame()
    return Math.abs(seen.getBoundingClientRect().top - was)
  })()`)
}

it.skipIf(!haveAll('chromium'))(
  'a chat of 10,000 messages opens at its end, and is read up to its beginning without a jump',
  async () => {
    const { write, read } = await startReading()
    await write(lines(1, 10_000))
    const began = performance.now()
    const { page, complaints } = await read({ width: 400 })
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(await page.locator('.said').last().innerText()).toContain('Line 10000')
    expect([await drawn(page), await toEnd(page)]).toEqual([200, 0])

    const jumps: number[] = []
    for (let turn = 0; turn < 48; turn++) jumps.push(await moreAbove(page, turn % 2 === 0 ? 300 : 0))
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
    expect(await drawn(page)).toBe(10_000)
    await page.keyboard.press('End')
    await expect.poll(() => toEnd(page), SOON).toBe(0)
    expect(complaints).toEqual([])
  },
  120_000
)

it.skipIf(!haveAll('chromium'))('who reads further up is left there, told what is new, and brought to it', async () => {
  const { write, read } = await startReading()
  await write(lines(1, 100))
  const window = await read()
  const { page } = window
  const marker = page.locator('.newer')

  await page.mouse.move(300, 200)
  await page.mouse.wheel(0, -1500)
  await expect.poll(() => toEnd(page)).toBeGreaterThan(1000)
  // Wheels roll on for a while.
  await page.evaluate('new Promise((done) => setTimeout(done, 300))')
  const seen = () => page.evaluate("document.querySelector('.scroll').scrollTop")
  const before = await seen()
  await write(['Ana: while you read'])
  await marker.getByText('1 new message').waitFor()
  await write(['Ana: and more'])
  await marker.getByText('2 new messages').waitFor()
  expect(await seen()).toBe(before)
  await marker.click()
  await expect.poll(() => toEnd(page), SOON).toBe(0)
  expect(await marker.count()).toBe(0)

  await write(['Ana: to who reads along'])
  await page.getByText('to who reads along').waitFor()
  expect([await toEnd(page), await marker.count()]).toEqual([0, 0])

  await page.mouse.wheel(0, -1500)
  await expect.poll(() => toEnd(page)).toBeGreaterThan(1000)
  await say(window, 'I speak')
  await page.locator('.said:not(.unsent)').getByText('I speak').waitFor()
  expect([await toEnd(page), await marker.count()]).toEqual([0, 0])
})

it.skipIf(!haveAll('chromium'))('nothing is new because the window changes its size', async () => {
  const { write, read } = await startReading()
  await write(lines(1, 3))
  const { page } = await read()
  await page.setViewportSize({ width: 800, height: 500 })
  await page.getByLabel('Message', { exact: true }).fill('one\ntwo\nthree\nfour')
  // Two frames, so that the page has heard of it.
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))')
  expect(await page.locator('.newer').count()).toBe(0)
})

it.skipIf(!haveAll('chromium'))('a tab that is open for long draws no more than it needs', async () => {
  const { write, read } = await startReading()
  await write(lines(1, 10))
  const { page } = await read()
  for (let from = 11; from < 1011; from += 100) {
    await write(lines(from, from + 99))
    await page.getByText(`Line ${from + 99}`, { exact: true }).waitFor()
  }
  expect(await drawn(page)).toBeLessThanOrEqual(400)
  expect(await toEnd(page)).toBe(0)
  // The others are not lost.
  expect(await moreAbove(page, 300)).toBeLessThanOrEqual(2)
})

it.skipIf(!haveAll('chromium'))(
  'what one name says within five minutes stands together, each day on its own',
  async () => {
    const { server, write, read } = await startReading()
    const said: [minutes: number, text: string][] = [
      [0, 'Ana: first'],
      [4, 'Ana: soon after'],
      [6, 'Ana: later'],
      [1, 'Ben: another'],
      [1, 'nobody in particular'],
      [1, 'Ana: again'],
      [24 * 60, 'Ana: the next day'],
      [1, 'Olga: my own']
    ]
    for (const [minutes, text] of said) {
      server.clock.now += minutes * 60_000
      await write([text])
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
      'day',
      'Ana: the next day',
      'Olga: my own'
    ])
  }
)

/** `[text, name, what is shown, the addresses that can be clicked]` */
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

it.skipIf(!haveAll('chromium'))(
  'whatever is written is shown as it is, and nothing of it is interpreted but addresses',
  async () => {
    const { server, write, read } = await startReading()
    for (const [text] of TEXTS) {
      // Each with its name.
      server.clock.now += 6 * 60_000
      await write([text])
    }
    const { page, complaints } = await read({ width: 320, height: 640 })
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
    expect([dialogs, complaints]).toEqual([[], []])
  }
)

it.skipIf(!haveAll('chromium'))('no text changes the direction or the place of anything but itself', async () => {
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
  // The time is as wide as ever and at the end of the line; what comes after is as what came before.
  expect(new Set(shown.map(({ time }) => `${time}`)).size).toBe(1)
  expect([shown[3]?.inner, shown[7]?.inner]).toEqual([shown[0]?.inner, shown[0]?.inner])
  // Nothing is painted outside of its message.
  expect(
    await page.evaluate("[...document.querySelectorAll('.said')].map((one) => getComputedStyle(one).contain)")
  ).toEqual(shown.map(() => 'content'))
})
