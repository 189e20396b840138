/** A person in a browser of their own, and what people do on the page. */
import type { Browser, Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'

export interface Window {
  readonly page: Page
  /** What the page complained of: exceptions, and what its Content-Security-Policy has stopped. */
  readonly complaints: string[]
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

/** One more tab of the same browser. */
export async function openTab(context: { newPage(): Promise<Page> }): Promise<Window> {
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused|Trusted/.test(message.text())) complaints.push(message.text())
  })
  return { page, complaints }
}

/** Starts a chat and waits until it is live. */
export async function startChat({ page }: Window, server: string, name: string): Promise<string> {
  await page.goto(server)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Start a chat' }).click()
  await isLive(page)
  return page.url()
}

export async function isLive(page: Page): Promise<void> {
  await page.getByText('Live', { exact: true }).waitFor()
}

/** The key to this chat for another device, as the page shows it. */
export async function carry({ page }: Window): Promise<string> {
  await page.getByRole('button', { name: /^(People|More)$/ }).click()
  await page.getByRole('button', { name: 'Carry on on another device' }).click()
  const address = await page.locator('.address').innerText()
  await page.keyboard.press('Escape')
  return address
}

/** Makes a link, and closes the dialog. */
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
  await page.getByRole('heading', { name: 'You are at the door' }).waitFor()
  return page.locator('.code').innerText()
}

export async function approve({ page }: Window, code: string): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`^Approve .*${code}`) }).click()
}

/** Both in one chat, as Olga who owns it and Ana. */
export async function meet(owner: Window, guest: Window, server: string): Promise<{ chat: string; link: string }> {
  const chat = await startChat(owner, server, 'Olga')
  const link = await invite(owner)
  await approve(owner, await askToJoin(guest, link, 'Ana'))
  await isLive(guest.page)
  return { chat, link }
}

export async function say({ page }: Window, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

/** The texts that are shown, oldest first, without those that are not sent. */
export function texts({ page }: Window): Promise<string[]> {
  return page.locator('.said:not(.unsent) .text').allInnerTexts()
}

/** Waits until exactly this is shown. */
export async function shows(window: Window, expected: readonly string[]): Promise<void> {
  await expect.poll(() => texts(window), { timeout: 20_000 }).toEqual(expected)
}

/** How long is waited for what takes a moment. */
export const SOON = { timeout: 20_000 }

/** Waits until the page says that it has no connection. */
export async function isLost({ page }: Window): Promise<void> {
  await page.getByText('No connection. Trying again …').waitFor()
}

/** The texts that are shown as not sent yet, oldest first. */
export function unsent({ page }: Window): Promise<string[]> {
  return page.locator('.unsent .text').allInnerTexts()
}

/** Waits until exactly this is shown as not sent yet. */
export async function showsUnsent(window: Window, expected: readonly string[]): Promise<void> {
  await expect.poll(() => unsent(window), SOON).toEqual(expected)
}

/** What a proxy answers behind which there is nothing at the moment. */
export const A_PROXY_SAYS = { status: 404, contentType: 'text/html', body: '<h1>default backend</h1>' }
