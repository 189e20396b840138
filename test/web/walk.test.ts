/** Two people in two browsers, from start to goodbye. Every view is checked by axe and photographed (`test/web/shots`). */
import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { startChromium } from '../foreign/chromium.ts'
import { haveAll } from '../support/real-parts.ts'
import { startServer } from '../support/server.ts'

const SHOTS = fileURLToPath(new URL('shots/', import.meta.url))

interface Window {
  readonly page: Page
  /** What the page complained of. */
  readonly complaints: string[]
}

async function openWindow(browser: Browser, colorScheme: 'light' | 'dark', width: number): Promise<Window> {
  const context = await browser.newContext({ viewport: { width, height: 720 }, colorScheme })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused/.test(message.text())) complaints.push(message.text())
  })
  return { page, complaints }
}

/** Photographs a view and asks axe what stands in the way of whoever cannot see or point. */
async function look({ page, complaints }: Window, name: string): Promise<void> {
  await page.screenshot({ path: `${SHOTS}${name}.png` })
  const found: string[] = await page.evaluate(`(async () => {
    if (!window.axe) { ${axe.source} }
    const { violations } = await axe.run()
    return violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' '))
  })()`)
  expect([name, found, complaints]).toEqual([name, [], []])
}

it.skipIf(!haveAll('chromium'))('two people meet at the door, talk, and part', async () => {
  const server = await startServer()
  const browser = await startChromium()
  const owner = await openWindow(browser, 'light', 1000)
  const guest = await openWindow(browser, 'dark', 320)

  await owner.page.goto(server.url)
  await look(owner, 'start')
  await owner.page.getByLabel('Your name').fill('Olga')
  await owner.page.getByRole('button', { name: 'Start a chat' }).click()
  await owner.page.getByText('Live', { exact: true }).waitFor()
  await look(owner, 'chat-empty')
  await owner.page.getByRole('button', { name: 'Invite' }).click()
  await look(owner, 'invite')
  await owner.page.getByRole('button', { name: 'Make a link' }).click()
  const link = await owner.page.locator('.address').innerText()
  await look(owner, 'invite-made')
  await owner.page.keyboard.press('Escape')

  await guest.page.goto(link)
  await look(guest, 'guest-asks')
  await guest.page.getByLabel('Your name').fill('Ana')
  await guest.page.getByRole('button', { name: 'Ask to join' }).click()
  await guest.page.getByRole('heading', { name: 'You are at the door' }).waitFor()
  const code = await guest.page.locator('.code').innerText()
  await guest.page.reload()
  await guest.page.getByText(code).waitFor()
  await look(guest, 'guest-waits')

  await owner.page.getByText(code).waitFor()
  expect(await owner.page.title()).toBe('(1) at the door – Silly Chat')
  await look(owner, 'knock')
  await owner.page.getByRole('button', { name: `Approve Ana, ${code}` }).click()

  const say = async ({ page }: Window, text: string) => {
    await page.getByLabel('Message', { exact: true }).fill(text)
    await page.keyboard.press('Enter')
  }
  await guest.page.getByLabel('Message', { exact: true }).waitFor()
  await say(guest, 'hello! <img src=x onerror=alert(1)> https://example.org/a?b=c.')
  await owner.page.getByText('<img src=x onerror=alert(1)>').waitFor()
  expect(await owner.page.locator('.text a').getAttribute('href')).toBe('https://example.org/a?b=c')
  await say(owner, 'Welcome')
  await guest.page.getByText('Welcome').waitFor()
  await look(owner, 'talk')
  await look(guest, 'talk-of-guest')

  // What is said without a network is sent once there is one again, also across a reload.
  await guest.page.context().setOffline(true)
  await say(guest, 'said offline')
  await guest.page.getByText('Sending …').waitFor()
  await guest.page.context().setOffline(false)
  await owner.page.getByText('said offline').waitFor()
  expect(await owner.page.getByText('said offline').count()).toBe(1)

  await owner.page.getByRole('button', { name: 'People' }).click()
  await owner.page.getByText('1 in, 0 waiting').waitFor()
  await look(owner, 'people')
  await owner.page.getByRole('button', { name: 'Remove' }).click()
  await guest.page.getByRole('heading', { name: 'You are no longer in this chat' }).waitFor()
  await look(guest, 'removed')
  await owner.page.getByRole('button', { name: 'Close this chat …' }).click()
  await owner.page.getByRole('button', { name: 'Close for ever' }).click()
  await owner.page.getByRole('heading', { name: 'This chat is closed' }).waitFor()
  await look(owner, 'closed')

  const stranger = await openWindow(browser, 'dark', 1000)
  await stranger.page.goto(link)
  await stranger.page.getByRole('heading', { name: 'This invitation leads nowhere' }).waitFor()
  await look(stranger, 'nowhere')
  await stranger.page.goto(owner.page.url())
  await stranger.page.getByRole('heading', { name: 'This address lets nobody in' }).waitFor()
  await look(stranger, 'not-in')
})
