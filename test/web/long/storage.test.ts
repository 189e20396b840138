/** If the browser cannot store data, the page still works, shows what is at risk, and sends everything once. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import {
  approve,
  askToJoin,
  attemptsOf,
  expectTexts,
  expectUnsent,
  invite,
  meet,
  onPosts,
  openTab,
  openWindow,
  send,
  startChat,
  untilHeading,
  untilLive,
  untilLost
} from '../window.ts'

const FULL = `window.setItem = Storage.prototype.setItem
Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }`
const ROOM_AGAIN = 'Storage.prototype.setItem = window.setItem'
const throwing = (of: string, name: string): string =>
  `Object.defineProperty(${of}, '${name}', { get() { throw new DOMException('no', 'SecurityError') } })`
const FORBIDDEN = throwing('window', 'localStorage')
const ALL_FORBIDDEN = [FORBIDDEN, throwing('Navigator.prototype', 'locks'), throwing('window', 'Notification')].join(
  '\n'
)

const KEY_AT_RISK = "Your browser can't store your key to this chat"
const PLACE_AT_RISK = "This browser can't remember your request"
const TEXT_AT_RISK = "Your browser can't store what you write"

async function untilText(page: Page, text: string): Promise<void> {
  await page.getByText(text).waitFor()
}

describe.skipIf(!haveAll('chromium'))('storage', { timeout: 180_000 }, () => {
  it.each([
    ['whose storage is full', FULL],
    ['whose storage is forbidden', FORBIDDEN],
    ['that forbids storage, locks and notifications', ALL_FORBIDDEN]
  ])('two people, each in a browser %s, meet, talk and are warned', async (_what, script) => {
    const server = await startServer()
    const browser = await startChromium()
    const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
    for (const { page } of [owner, guest]) await page.addInitScript(script)
    const attempts = [attemptsOf(owner), attemptsOf(guest)]

    await owner.page.goto(server.url)
    await untilText(owner.page, 'Your browser is blocking storage')
    await startChat(owner, server.url, 'Olga')
    await untilText(owner.page, KEY_AT_RISK)
    const link = await invite(owner)
    await guest.page.goto(link)
    await untilText(guest.page, 'Your browser is blocking storage')
    const code = await askToJoin(guest, link, 'Ana')
    await untilText(guest.page, PLACE_AT_RISK)
    await approve(owner, code)
    await untilLive(guest.page)
    await untilText(guest.page, KEY_AT_RISK)

    await send(guest, 'hello')
    await expectTexts(owner, ['hello'])
    await send(owner, 'Welcome')
    await send(owner, 'both of you')
    await Promise.all([owner, guest].map((window) => expectTexts(window, ['hello', 'Welcome', 'both of you'])))
    await Promise.all([owner, guest].map((window) => expectUnsent(window, [])))
    expect(attempts.map((all) => all.map(({ text }) => text))).toEqual([
      ['Olga: Welcome', 'Olga: both of you'],
      ['Ana: hello']
    ])
    expect(await owner.page.locator('.said.own').count()).toBe(2)

    // Navigating to the start page and back loads no page, which would lose the data in memory.
    await owner.page.getByRole('link', { name: 'All chats' }).click()
    await owner.page.getByRole('link', { name: 'With Ana' }).click()
    await expectTexts(owner, ['hello', 'Welcome', 'both of you'])
    await guest.page.getByRole('button', { name: 'More' }).click()
    await guest.page.getByRole('button', { name: 'Leave this chat…' }).click()
    await guest.page.getByRole('button', { name: 'Leave', exact: true }).click()
    await untilHeading(guest, 'Silly Chat')
    expect(await guest.page.getByText('Your chats on this browser').count()).toBe(0)
    expect([owner.errors, guest.errors]).toEqual([[], []])
  })

  it('a storage that becomes full loses nothing, marks no sent message as failed, and is used again when it has room', async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const { page } = owner
    const attempts = attemptsOf(owner)
    await startChat(owner, server.url, '')
    await page.evaluate(FULL)
    for (const text of ['one', 'two']) await send(owner, text)
    await expectTexts(owner, ['one', 'two'])
    await expectUnsent(owner, [])
    expect(attempts.map(({ text }) => text)).toEqual(['one', 'two'])
    expect(await page.getByText(KEY_AT_RISK).count()).toBe(0)

    await page.context().setOffline(true)
    await untilLost(owner)
    await send(owner, 'three')
    await untilText(page, TEXT_AT_RISK)
    await expectUnsent(owner, ['three'])
    await page.context().setOffline(false)
    await expectTexts(owner, ['one', 'two', 'three'])
    await page.getByText(TEXT_AT_RISK).waitFor({ state: 'detached' })

    await page.context().setOffline(true)
    await untilLost(owner)
    await send(owner, 'four')
    await untilText(page, TEXT_AT_RISK)
    await page.evaluate(ROOM_AGAIN)
    await page.getByLabel('Message', { exact: true }).fill('not sent yet')
    await page.getByText(TEXT_AT_RISK).waitFor({ state: 'detached' })
    const allowPosts = await onPosts(owner, (route) => route.abort())
    await page.context().setOffline(false)
    await page.reload()
    await expectUnsent(owner, ['four'])
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('not sent yet')
    await allowPosts()
    await expectTexts(owner, ['one', 'two', 'three', 'four'])
    expect(await page.locator('.said.own').count()).toBe(4)
    expect(owner.errors).toEqual([])
  })

  it.each([
    ['has no BroadcastChannel', 'delete window.BroadcastChannel'],
    [
      'forbids BroadcastChannel',
      'window.BroadcastChannel = class { constructor() { throw new DOMException("no", "SecurityError") } }'
    ],
    ['has no locks', 'delete Navigator.prototype.locks'],
    ['forbids locks', throwing('Navigator.prototype', 'locks')],
    ['refuses locks', 'LockManager.prototype.request = async () => { throw new DOMException("no", "SecurityError") }']
  ])('in a browser that %s every tab is live and shows every message', async (_what, script) => {
    const server = await startServer()
    const browser = await startChromium()
    const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
    for (const { page } of [owner, guest]) await page.context().addInitScript(script)
    const { chat } = await meet(owner, guest, server.url)
    const other = await openTab(owner.page.context())
    await other.page.goto(chat)
    await untilLive(other.page)
    await send(guest, 'hello')
    await send(other, 'Welcome')
    await Promise.all([owner, guest, other].map((window) => expectTexts(window, ['hello', 'Welcome'])))
    expect([owner, guest, other].map(({ errors }) => errors)).toEqual([[], [], []])
  })

  it('damaged data in the storage is ignored', async () => {
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
    await page.getByText('Untitled chat (yours)').waitFor()
    await startChat(owner, server.url, 'Olga')
    expect(owner.errors).toEqual([])
  })
})
