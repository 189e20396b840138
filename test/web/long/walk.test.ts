/** The whole use of the page by two people. */
import { expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { approve, askToJoin, expectTexts, invite, openWindow, send, startChat, untilLive } from '../window.ts'

it.skipIf(!haveAll('chromium'))('two people meet in a chat, talk, and the chat is closed', async () => {
  // With rate limits, which people who use the page never reach.
  const server = await startServer({ env: { RATE_LIMIT: 'on' } })
  const browser = await startChromium()
  const owner = await openWindow(browser)
  const guest = await openWindow(browser, { width: 320 })

  const chat = await startChat(owner, server.url, 'Olga')
  await owner.page.getByText("It's just you so far.").waitFor()
  const link = await invite(owner)
  const code = await askToJoin(guest, link, 'Ana')
  await guest.page.reload()
  await guest.page.getByText(code).waitFor()
  await owner.page.getByText(code).waitFor()
  expect(await owner.page.title()).toBe('(1) waiting – Silly Chat')
  await approve(owner, code)
  await untilLive(guest.page)
  for (const { page } of [owner, guest]) await page.getByText('No messages yet. Say hello!').waitFor()

  await send(guest, 'hello!')
  await expectTexts(owner, ['hello!'])
  await send(owner, 'Welcome')
  await expectTexts(guest, ['hello!', 'Welcome'])
  expect(await guest.page.locator('.author').allInnerTexts()).toEqual(['Ana', 'Olga'])

  await guest.page.getByRole('button', { name: 'Invite' }).click()
  await guest.page.getByText('The host approves each person.').waitFor()
  await guest.page.keyboard.press('Escape')

  await owner.page.getByRole('button', { name: 'People' }).click()
  await owner.page.getByRole('heading', { name: 'In this chat (2)' }).waitFor()
  await owner.page.getByText('1 joined, 0 waiting').waitFor()
  await owner.page.getByRole('button', { name: 'Remove' }).click()
  await owner.page.getByRole('heading', { name: 'Declined or removed (1)' }).waitFor()
  await owner.page.getByRole('heading', { name: 'In this chat (1)' }).waitFor()
  await guest.page.getByRole('heading', { name: "You're no longer in this chat" }).waitFor()
  await guest.page.goto(link)
  await guest.page.getByRole('heading', { name: 'You are invited to a chat' }).waitFor()
  await owner.page.getByRole('button', { name: 'Close this chat…' }).click()
  await owner.page.getByRole('button', { name: 'Close and delete' }).click()
  await owner.page.getByRole('heading', { name: 'This chat is closed' }).waitFor()
  await guest.page.goto(link)
  await guest.page.getByRole('heading', { name: "This invite link doesn't work" }).waitFor()
  await guest.page.goto(chat)
  await guest.page.getByRole('heading', { name: 'This chat is closed' }).waitFor()
  expect([owner.errors, guest.errors]).toEqual([[], []])
})
