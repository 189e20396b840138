/** Two people in two browsers, from start to goodbye. */
import { expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { approve, askToJoin, invite, isLive, openWindow, say, shows, startChat } from '../window.ts'

it.skipIf(!haveAll('chromium'))('two people meet at the door, talk, and part', async () => {
  // With the limits that everybody has: who uses the page never meets them.
  const server = await startServer({ env: { RATE_LIMIT: 'on' } })
  const browser = await startChromium()
  const owner = await openWindow(browser)
  const guest = await openWindow(browser, { width: 320 })

  const chat = await startChat(owner, server.url, 'Olga')
  const link = await invite(owner)
  const code = await askToJoin(guest, link, 'Ana')
  await guest.page.reload()
  await guest.page.getByText(code).waitFor()
  await owner.page.getByText(code).waitFor()
  expect(await owner.page.title()).toBe('(1) at the door – Silly Chat')
  await approve(owner, code)
  await isLive(guest.page)

  await say(guest, 'hello!')
  await shows(owner, ['hello!'])
  await say(owner, 'Welcome')
  await shows(guest, ['hello!', 'Welcome'])
  expect(await guest.page.locator('.author').allInnerTexts()).toEqual(['Ana', 'Olga'])

  await owner.page.getByRole('button', { name: 'People' }).click()
  await owner.page.getByText('1 in, 0 waiting').waitFor()
  await owner.page.getByRole('button', { name: 'Remove' }).click()
  await guest.page.getByRole('heading', { name: 'You are no longer in this chat' }).waitFor()
  await guest.page.goto(link)
  await guest.page.getByRole('heading', { name: 'You are invited to a chat' }).waitFor()
  await owner.page.getByRole('button', { name: 'Close this chat …' }).click()
  await owner.page.getByRole('button', { name: 'Close for ever' }).click()
  await owner.page.getByRole('heading', { name: 'This chat is closed' }).waitFor()
  await guest.page.goto(link)
  await guest.page.getByRole('heading', { name: 'This invitation leads nowhere' }).waitFor()
  await guest.page.goto(chat)
  await guest.page.getByRole('heading', { name: 'This chat is closed' }).waitFor()
  expect([owner.complaints, guest.complaints]).toEqual([[], []])
})
