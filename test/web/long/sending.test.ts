/** Messages arrive once and in order, whatever happens to the connection, or are shown as not sent. */
import type { Route } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import {
  attemptsOf,
  expectTexts,
  expectUnsent,
  onPosts,
  openTab,
  openWindow,
  PROXY_ERROR,
  SOON,
  send,
  startChat,
  unsent,
  untilLive,
  untilLost
} from '../window.ts'

/** Every write to the storage throws. */
const FULL = `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }`

describe.skipIf(!haveAll('chromium'))('sending', { timeout: 120_000 }, () => {
  it('offline messages survive a reload and are sent once and in order, and a draft survives, too', async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const { page } = owner
    const attempts = attemptsOf(owner)
    await startChat(owner, server.url, 'Olga')
    await page.context().setOffline(true)
    await untilLost(owner)
    const sent = ['one', 'two', 'three']
    for (const text of sent) await send(owner, text)
    await page.getByLabel('Message', { exact: true }).fill('not sent yet')
    await expectUnsent(owner, sent)
    expect(await page.getByText('Sending…').count()).toBe(3)

    let isOpen = false
    await onPosts(owner, (route) => (isOpen ? route.continue() : route.abort('connectionrefused')))
    await page.context().setOffline(false)
    await page.reload()
    await untilLive(page)
    await expectUnsent(owner, sent)
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('not sent yet')
    isOpen = true
    await expectTexts(owner, sent)
    await expectUnsent(owner, [])
    const keys = sent.map((text) => new Set(attempts.flatMap((one) => (one.text === `Olga: ${text}` ? [one.key] : []))))
    expect(keys.map(({ size }) => size)).toEqual([1, 1, 1])
    // There were attempts before the reload, after it, and after the retry pause.
    expect(attempts.filter(({ text }) => text === 'Olga: one').length).toBeGreaterThan(2)
    expect(owner.errors).toEqual([])
  })

  it('a message whose answer was lost, or replaced by a proxy, is posted once', async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const attempts = attemptsOf(owner)
    await startChat(owner, server.url, '')
    let answer: (route: Route) => Promise<void> = (route) => route.abort('connectionreset')
    await onPosts(owner, async (route) => {
      await route.fetch()
      const now = answer
      answer = (later) => later.continue()
      await now(route)
    })
    await send(owner, 'once')
    await expectUnsent(owner, [])
    expect(attempts.map(({ text }) => text)).toEqual(['once', 'once'])

    answer = (route) => route.fulfill(PROXY_ERROR)
    await send(owner, 'and once')
    await owner.page.getByText('The server refused it.').waitFor()
    await owner.page.getByRole('button', { name: 'Try again' }).click()
    await expectUnsent(owner, [])
    await expectTexts(owner, ['once', 'and once'])
    expect(new Set(attempts.map(({ key }) => key)).size).toBe(2)
    expect(owner.errors).toEqual([])
  })

  it.each([
    ['', '', true],
    [' where nothing can be stored', FULL, false]
  ])(
    'a refused message%s shows the reason, can be sent again and discarded, and delays no other',
    async (_where, script, canReload) => {
      const server = await startServer({ env: { MAX_CHAT_BYTES: '300' } })
      const owner = await openWindow(await startChromium())
      const { page } = owner
      await page.addInitScript(script)
      const attempts = attemptsOf(owner)
      await startChat(owner, server.url, 'Olga')
      const long = 'long '.repeat(80).trim()
      await send(owner, long)
      await page.getByText('Not sent').waitFor()
      await page.getByText('This chat has reached its size limit.').waitFor()
      await send(owner, 'short')
      await expectTexts(owner, ['short'])
      if (canReload) await page.reload()
      await page.getByRole('button', { name: 'Try again' }).click()
      await expect
        .poll(() => attempts.map(({ text }) => text), SOON)
        .toEqual([`Olga: ${long}`, 'Olga: short', `Olga: ${long}`])
      await page.getByText('Not sent').waitFor()
      await page.getByRole('button', { name: 'Discard' }).click()
      await expectUnsent(owner, [])
      if (canReload) await page.reload()
      await expectTexts(owner, ['short'])
      expect(await unsent(owner)).toEqual([])
      expect(owner.errors).toEqual([])
    }
  )

  it('messages wait for the time in Retry-After, even those sent later', async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const attempts = attemptsOf(owner)
    await startChat(owner, server.url, '')
    let isFull = true
    await onPosts(owner, async (route) => {
      if (!isFull) return route.continue()
      isFull = false
      await route.fulfill({ status: 503, headers: { 'retry-after': '3' }, json: { title: 'Store full' } })
    })
    await send(owner, 'one')
    await expect.poll(() => attempts.length, SOON).toBe(1)
    await send(owner, 'two')
    await expectTexts(owner, ['one', 'two'])
    const [first, second] = attempts
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(2900)
    expect(attempts.map(({ text }) => text)).toEqual(['one', 'one', 'two'])
    expect(owner.errors).toEqual([])
  })

  it('the composer counts the last characters and those above the limit, and a name takes no more than it may have', async () => {
    const server = await startServer()
    const { page } = await openWindow(await startChromium())
    await page.goto(server.url)
    await page.getByLabel('Your name').fill('')
    await page.getByLabel('Your name').press('a')
    await page.keyboard.insertText('n'.repeat(100))
    expect(await page.getByLabel('Your name').inputValue()).toHaveLength(64)
    await page.getByLabel('Your name').fill('')
    await page.getByRole('button', { name: 'Start a chat' }).click()
    await untilLive(page)
    for (const [length, words] of [
      [3998, '2 characters left'],
      [3999, '1 character left'],
      [4000, '0 characters left'],
      [4001, '1 character too long'],
      [4106, '106 characters too long']
    ] as const) {
      await page.getByLabel('Message', { exact: true }).fill('x'.repeat(length))
      await page.getByText(words, { exact: true }).waitFor()
      expect(await page.getByRole('button', { name: 'Send' }).isEnabled()).toBe(length <= 4000)
    }
  })

  it('another tab sends if one cannot', async () => {
    const server = await startServer()
    const stuck = await openWindow(await startChromium())
    const attempts = attemptsOf(stuck)
    const chat = await startChat(stuck, server.url, '')
    await onPosts(stuck, (route) => route.abort())
    await send(stuck, 'one')
    await expect.poll(() => attempts.length, SOON).toBe(1)
    const other = await openTab(stuck.page.context())
    await other.page.goto(chat)
    await Promise.all([stuck, other].map((window) => expectTexts(window, ['one'])))
    await expectUnsent(stuck, [])
    // Six attempts in a row by the client would have kept the other tab from sending.
    expect(attempts.length).toBeLessThan(6)
    expect([stuck.errors, other.errors]).toEqual([[], []])
  })
})
