/** What is said arrives once and in order, whatever becomes of the way there, or is shown as not sent. */
import type { Request, Route } from 'playwright-core'
import { expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import {
  A_PROXY_SAYS,
  isLive,
  isLost,
  openTab,
  openWindow,
  SOON,
  say,
  shows,
  showsUnsent,
  startChat,
  unsent,
  type Window
} from '../window.ts'

const MINUTE = 120_000
const CHAT = /\/v1\/chats\/[^/]+$/

interface Attempt {
  readonly text: string
  readonly key: string | undefined
  readonly at: number
}

/** Every attempt of a page to post. */
function attemptsOf({ page }: Window): Attempt[] {
  const attempts: Attempt[] = []
  page.on('request', (request: Request) => {
    if (request.method() !== 'POST' || !CHAT.test(request.url())) return
    const { text } = request.postDataJSON()
    attempts.push({ text, key: request.headers()['idempotency-key'], at: Date.now() })
  })
  return attempts
}

/** Decides on posts only; everything else passes. */
async function onPosts({ page }: Window, decide: (route: Route) => Promise<void>): Promise<void> {
  await page.context().route(CHAT, (route) => (route.request().method() === 'POST' ? decide(route) : route.continue()))
}

it.skipIf(!haveAll('chromium'))(
  'what is said offline survives a reload and is sent once and in order; what is typed survives, too',
  async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const { page } = owner
    const attempts = attemptsOf(owner)
    await startChat(owner, server.url, 'Olga')
    await page.context().setOffline(true)
    await isLost(owner)
    const said = ['one', 'two', 'three']
    for (const text of said) await say(owner, text)
    await page.getByLabel('Message', { exact: true }).fill('not said yet')
    await showsUnsent(owner, said)
    expect(await page.getByText('Sending …').count()).toBe(3)

    let isOpen = false
    await onPosts(owner, (route) => (isOpen ? route.continue() : route.abort('connectionrefused')))
    await page.context().setOffline(false)
    await page.reload()
    await isLive(page)
    await showsUnsent(owner, said)
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('not said yet')
    isOpen = true
    await shows(owner, said)
    await showsUnsent(owner, [])
    const keys = said.map((text) => new Set(attempts.flatMap((one) => (one.text === `Olga: ${text}` ? [one.key] : []))))
    expect(keys.map(({ size }) => size)).toEqual([1, 1, 1])
    // It was tried before the reload, after it, and again.
    expect(attempts.filter(({ text }) => text === 'Olga: one').length).toBeGreaterThan(2)
    expect(owner.complaints).toEqual([])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'a message whose answer was lost, or replaced by what a proxy says, is said once',
  async () => {
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
    await say(owner, 'once')
    await showsUnsent(owner, [])
    expect(attempts.map(({ text }) => text)).toEqual(['once', 'once'])

    answer = (route) => route.fulfill(A_PROXY_SAYS)
    await say(owner, 'and once')
    await owner.page.getByText('The server did not take it.').waitFor()
    await owner.page.getByRole('button', { name: 'Try again' }).click()
    await showsUnsent(owner, [])
    await shows(owner, ['once', 'and once'])
    expect(new Set(attempts.map(({ key }) => key)).size).toBe(2)
    expect(owner.complaints).toEqual([])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'a refused message says why, can be tried again and discarded, and holds up no other',
  async () => {
    const server = await startServer({ env: { MAX_CHAT_BYTES: '300' } })
    const owner = await openWindow(await startChromium())
    const { page } = owner
    const attempts = attemptsOf(owner)
    await startChat(owner, server.url, 'Olga')
    const long = 'long '.repeat(80).trim()
    await say(owner, long)
    await page.getByText('Not sent').waitFor()
    await page.getByText('This chat has reached its size limit.').waitFor()
    await say(owner, 'short')
    await shows(owner, ['short'])
    await page.reload()
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => attempts.length, SOON).toBe(3)
    await page.getByText('Not sent').waitFor()
    await page.getByRole('button', { name: 'Discard' }).click()
    await showsUnsent(owner, [])
    await page.reload()
    await shows(owner, ['short'])
    expect(await unsent(owner)).toEqual([])
    expect(owner.complaints).toEqual([])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'what the server asks to wait is waited for, also by what is said meanwhile',
  async () => {
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
    await say(owner, 'one')
    await expect.poll(() => attempts.length, SOON).toBe(1)
    await say(owner, 'two')
    await shows(owner, ['one', 'two'])
    const [first, second] = attempts
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(2900)
    expect(attempts.map(({ text }) => text)).toEqual(['one', 'one', 'two'])
    expect(owner.complaints).toEqual([])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'a tab that cannot send leaves it to another',
  async () => {
    const server = await startServer()
    const stuck = await openWindow(await startChromium())
    const attempts = attemptsOf(stuck)
    const chat = await startChat(stuck, server.url, '')
    await stuck.page.route(CHAT, (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()))
    await say(stuck, 'one')
    await expect.poll(() => attempts.length, SOON).toBe(1)
    const other = await openTab(stuck.page.context())
    await other.page.goto(chat)
    await Promise.all([stuck, other].map((window) => shows(window, ['one'])))
    await showsUnsent(stuck, [])
    // So often the client alone would have tried in a row, and nobody else meanwhile.
    expect(attempts.length).toBeLessThan(6)
    expect([stuck.complaints, other.complaints]).toEqual([[], []])
  },
  MINUTE
)
