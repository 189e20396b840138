/** What the browser does not keep: the page works on, says what is at risk, and sends everything once. */
import type { Page, Request } from 'playwright-core'
import { expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import {
  approve,
  askToJoin,
  invite,
  isLive,
  isLost,
  meet,
  openTab,
  openWindow,
  SOON,
  say,
  shows,
  showsUnsent,
  startChat,
  type Window
} from '../window.ts'

const MINUTES = 180_000
const CHAT = /\/v1\/chats\/[^/]+$/

const FULL = `window.setItem = Storage.prototype.setItem
Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }`
const ROOM_AGAIN = 'Storage.prototype.setItem = window.setItem'
const throwing = (of: string, name: string): string =>
  `Object.defineProperty(${of}, '${name}', { get() { throw new DOMException('no', 'SecurityError') } })`
const FORBIDDEN = throwing('window', 'localStorage')
const ALL_FORBIDDEN = [FORBIDDEN, throwing('Navigator.prototype', 'locks'), throwing('window', 'Notification')].join(
  '\n'
)

const KEY_AT_RISK = 'This browser cannot store your key to this chat'
const PLACE_AT_RISK = 'This browser cannot store your place at the door'
const TEXT_AT_RISK = 'This browser cannot store what you write'

/** The texts that a page sends, again and again if need be. */
function sentBy({ page }: Window): string[] {
  const sent: string[] = []
  page.on('request', (request: Request) => {
    if (request.method() === 'POST' && CHAT.test(request.url())) sent.push(request.postDataJSON().text)
  })
  return sent
}

async function tells(page: Page, sentence: string): Promise<void> {
  await page.getByText(sentence).waitFor()
}

it.skipIf(!haveAll('chromium')).each([
  ['whose storage is full', FULL],
  ['whose storage is forbidden', FORBIDDEN],
  ['that forbids all that tabs could share', ALL_FORBIDDEN]
])(
  'two people, each in a browser %s, meet and talk, and know what they risk',
  async (_what, script) => {
    const server = await startServer()
    const browser = await startChromium()
    const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
    for (const { page } of [owner, guest]) await page.addInitScript(script)
    const sent = [sentBy(owner), sentBy(guest)]

    await owner.page.goto(server.url)
    await tells(owner.page, 'This browser stores nothing for this page')
    await startChat(owner, server.url, 'Olga')
    await tells(owner.page, KEY_AT_RISK)
    const link = await invite(owner)
    await guest.page.goto(link)
    await tells(guest.page, 'This browser stores nothing for this page')
    const code = await askToJoin(guest, link, 'Ana')
    await tells(guest.page, PLACE_AT_RISK)
    await approve(owner, code)
    await isLive(guest.page)
    await tells(guest.page, KEY_AT_RISK)

    await say(guest, 'hello')
    await shows(owner, ['hello'])
    await say(owner, 'Welcome')
    await say(owner, 'both of you')
    await Promise.all([owner, guest].map((window) => shows(window, ['hello', 'Welcome', 'both of you'])))
    await Promise.all([owner, guest].map((window) => showsUnsent(window, [])))
    expect(sent).toEqual([['Olga: Welcome', 'Olga: both of you'], ['Ana: hello']])
    expect(await owner.page.locator('.said.own').count()).toBe(2)

    // The way to the start and back loads no page, which would forget everything.
    await owner.page.getByRole('link', { name: 'All chats' }).click()
    await owner.page.getByRole('link', { name: 'With Ana' }).click()
    await shows(owner, ['hello', 'Welcome', 'both of you'])
    await guest.page.getByRole('button', { name: 'More' }).click()
    await guest.page.getByRole('button', { name: 'Leave this chat …' }).click()
    await guest.page.getByRole('button', { name: 'Leave', exact: true }).click()
    await guest.page.getByRole('heading', { name: 'Silly Chat' }).waitFor()
    expect(await guest.page.getByText('Your chats in this browser').count()).toBe(0)
    expect([owner.complaints, guest.complaints]).toEqual([[], []])
  },
  MINUTES
)

it.skipIf(!haveAll('chromium'))(
  'a storage that becomes full loses nothing, calls nothing failed that has arrived, and is used again when it has room',
  async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const { page } = owner
    const sent = sentBy(owner)
    await startChat(owner, server.url, '')
    await page.evaluate(FULL)
    for (const text of ['one', 'two']) await say(owner, text)
    await shows(owner, ['one', 'two'])
    await showsUnsent(owner, [])
    expect(sent).toEqual(['one', 'two'])
    expect(await page.getByText(KEY_AT_RISK).count()).toBe(0)

    await page.context().setOffline(true)
    await isLost(owner)
    await say(owner, 'three')
    await tells(page, TEXT_AT_RISK)
    await showsUnsent(owner, ['three'])
    await page.context().setOffline(false)
    await shows(owner, ['one', 'two', 'three'])
    await page.getByText(TEXT_AT_RISK).waitFor({ state: 'detached' })

    await page.context().setOffline(true)
    await isLost(owner)
    await say(owner, 'four')
    await tells(page, TEXT_AT_RISK)
    await page.evaluate(ROOM_AGAIN)
    await page.getByLabel('Message', { exact: true }).fill('not said yet')
    await page.getByText(TEXT_AT_RISK).waitFor({ state: 'detached' })
    await page.route(CHAT, (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()))
    await page.context().setOffline(false)
    await page.reload()
    await showsUnsent(owner, ['four'])
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('not said yet')
    await page.unroute(CHAT)
    await shows(owner, ['one', 'two', 'three', 'four'])
    expect(await page.locator('.said.own').count()).toBe(4)
    expect(owner.complaints).toEqual([])
  },
  MINUTES
)

it.skipIf(!haveAll('chromium'))(
  'a refused message can be tried again and discarded where nothing can be kept, and holds up no other',
  async () => {
    const server = await startServer({ env: { MAX_CHAT_BYTES: '300' } })
    const owner = await openWindow(await startChromium())
    const { page } = owner
    await page.addInitScript(FULL)
    const sent = sentBy(owner)
    await startChat(owner, server.url, '')
    const long = 'long '.repeat(80).trim()
    await say(owner, long)
    await tells(page, 'Not sent')
    await say(owner, 'short')
    await shows(owner, ['short'])
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => sent, SOON).toEqual([long, 'short', long])
    await tells(page, 'Not sent')
    await page.getByRole('button', { name: 'Discard' }).click()
    await showsUnsent(owner, [])
    expect(owner.complaints).toEqual([])
  },
  MINUTES
)

it.skipIf(!haveAll('chromium')).each([
  ['has no way between tabs', 'delete window.BroadcastChannel'],
  [
    'forbids the way between tabs',
    'window.BroadcastChannel = class { constructor() { throw new DOMException("no", "SecurityError") } }'
  ],
  ['has no locks', 'delete Navigator.prototype.locks'],
  ['forbids locks', throwing('Navigator.prototype', 'locks')],
  ['refuses locks', 'LockManager.prototype.request = async () => { throw new DOMException("no", "SecurityError") }']
])(
  'in a browser that %s every tab is live and hears everything',
  async (_what, script) => {
    const server = await startServer()
    const browser = await startChromium()
    const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
    for (const { page } of [owner, guest]) await page.context().addInitScript(script)
    const { chat } = await meet(owner, guest, server.url)
    const other = await openTab(owner.page.context())
    await other.page.goto(chat)
    await isLive(other.page)
    await say(guest, 'hello')
    await say(other, 'Welcome')
    await Promise.all([owner, guest, other].map((window) => shows(window, ['hello', 'Welcome'])))
    expect([owner, guest, other].map(({ complaints }) => complaints)).toEqual([[], [], []])
  },
  MINUTES
)

it.skipIf(!haveAll('chromium'))(
  'what is kept and damaged is taken for nothing',
  async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const { page } = owner
    const userId = '406a3207-a070-4411-b9b6-8527c0c19c7e'
    const damaged = [
      '',
      '{',
      'null',
      '[]',
      '"a"',
      '{"userId":5}',
      JSON.stringify({ userId, since: 'x', others: 'Ana', name: 5, link: 7 })
    ]
    await page.addInitScript(`for (const [index, text] of ${JSON.stringify(damaged)}.entries())
    for (const kind of ['chat', 'request', 'outbox', 'sent']) localStorage.setItem('silly-chat:' + kind + ':/v1/chats/' + index, text)`)
    await page.goto(server.url)
    await page.getByText('A chat of yours').waitFor()
    await startChat(owner, server.url, 'Olga')
    expect(owner.complaints).toEqual([])
  },
  MINUTES
)
