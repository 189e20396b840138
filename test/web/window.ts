/** People in browsers, and what they do on the page. */
import type { Browser, Page, Request, Route } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import { type KeyringEntry, writeKeyring } from '../../src/client/index.ts'
import { startChromium } from '../foreign/chromium.ts'

export interface Window {
  readonly page: Page
  /** Uncaught exceptions, and violations of the Content-Security-Policy. */
  readonly errors: string[]
}

interface Options {
  readonly colorScheme?: 'light' | 'dark'
  readonly width?: number
  readonly height?: number
}

export async function openWindow(browser: Browser, options: Options = {}): Promise<Window> {
  const { colorScheme = 'light', width = 1000, height = 720 } = options
  const context = await browser.newContext({ viewport: { width, height }, colorScheme })
  onTestFinished(() => context.close())
  return openTab(context)
}

/** Opens another tab of the same browser. */
export async function openTab(context: { newPage(): Promise<Page> }): Promise<Window> {
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused|Trusted/.test(message.text())) errors.push(message.text())
  })
  return { page, errors }
}

/** Starts a chat and waits until it is live. */
export async function startChat({ page }: Window, server: string, name: string): Promise<string> {
  await page.goto(server)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Start a chat' }).click()
  await untilLive(page)
  return page.url()
}

export async function untilLive(page: Page): Promise<void> {
  await page.getByText('Online', { exact: true }).waitFor()
}

/** Returns the address that hands this chat over to another device. */
export async function carry({ page }: Window): Promise<string> {
  await page.getByRole('button', { name: /^(People|More)$/ }).click()
  await page.getByRole('button', { name: 'Use on another device' }).click()
  await page.locator('.qr').waitFor()
  const address = await page.locator('.address').first().innerText()
  await page.keyboard.press('Escape')
  return address
}

/** Pastes the key of another device into the start page, or into the page of a chat that this browser is not in. */
export async function pasteKey(page: Page, entry: KeyringEntry): Promise<void> {
  await page.getByText('I have a key from another device').click()
  await page.getByLabel('Your key').fill(writeKeyring([entry]))
  await page.getByRole('button', { name: 'Use it here' }).click()
}

/** Creates a link and closes the dialog. */
export async function invite({ page }: Window): Promise<string> {
  await page.getByRole('button', { name: 'Invite' }).click()
  await page.getByRole('button', { name: 'Make a link' }).click()
  const link = await page.locator('.address').innerText()
  await page.keyboard.press('Escape')
  return link
}

/** Opens a link and asks to join. @returns the request code */
export async function askToJoin({ page }: Window, link: string, name: string): Promise<string> {
  await page.goto(link)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Ask to join' }).click()
  await page.getByRole('heading', { name: 'Waiting to be let in' }).waitFor()
  return page.locator('.code').innerText()
}

export async function approve({ page }: Window, code: string): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`^Let in .*${code}`) }).click()
}

/** Makes both members of one chat: the owner Olga and the guest Ana. */
export async function meet(owner: Window, guest: Window, server: string): Promise<{ chat: string; link: string }> {
  const chat = await startChat(owner, server, 'Olga')
  const link = await invite(owner)
  await approve(owner, await askToJoin(guest, link, 'Ana'))
  await untilLive(guest.page)
  return { chat, link }
}

/** The same in a new browser. */
export async function startMeeting(server: string) {
  const browser = await startChromium()
  const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
  return { browser, owner, guest, ...(await meet(owner, guest, server)) }
}

export async function send({ page }: Window, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

/** The texts of the sent messages on the page, oldest first. */
export function texts({ page }: Window): Promise<string[]> {
  return page.locator('.said:not(.unsent) .text').allInnerTexts()
}

/** Waits until exactly these messages are on the page. */
export async function expectTexts(window: Window, expected: readonly string[]): Promise<void> {
  await expect.poll(() => texts(window), SOON).toEqual(expected)
}

/** The deadline of polls. */
export const SOON = { timeout: 20_000 }

/** Waits until the page reports that it has no connection. */
export async function untilLost({ page }: Window): Promise<void> {
  await page.getByText('No connection – reconnecting…').waitFor()
}

/** The texts of the unsent messages on the page, oldest first. */
export function unsent({ page }: Window): Promise<string[]> {
  return page.locator('.unsent .text').allInnerTexts()
}

/** Waits until exactly these messages are on the page as unsent. */
export async function expectUnsent(window: Window, expected: readonly string[]): Promise<void> {
  await expect.poll(() => unsent(window), SOON).toEqual(expected)
}

/** Waits until the page has this heading. */
export async function untilHeading({ page }: Pick<Window, 'page'>, name: string): Promise<void> {
  await page.getByRole('heading', { name, exact: true }).waitFor()
}

const CHAT = /\/v1\/chats\/[^/]+$/

/** A request of the page to post a message. */
interface Attempt {
  readonly text: string
  readonly key: string | undefined
  readonly at: number
}

/** Records all attempts of a page to post. */
export function attemptsOf({ page }: Window): Attempt[] {
  const attempts: Attempt[] = []
  page.on('request', (request: Request) => {
    if (request.method() !== 'POST' || !CHAT.test(request.url())) return
    attempts.push({
      text: request.postDataJSON().text,
      key: request.headers()['idempotency-key'],
      at: performance.now()
    })
  })
  return attempts
}

/** Intercepts the posts of a page, until the returned function is called. */
export async function onPosts({ page }: Window, decide: (route: Route) => Promise<void>): Promise<() => Promise<void>> {
  const routing = await page.route(CHAT, (route) =>
    route.request().method() === 'POST' ? decide(route) : route.continue()
  )
  return () => routing.dispose()
}

/** The answer of a proxy that has no backend. */
export const PROXY_ERROR = { status: 404, contentType: 'text/html', body: '<h1>default backend</h1>' }
