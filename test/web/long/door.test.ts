/** What host and guest tell each other at the door, and whether somebody is there to hear it. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { approve, askToJoin, invite, openWindow, startChat, untilLive } from '../window.ts'

describe.skipIf(!haveAll('chromium'))('at the door', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  async function aDoor() {
    const server = await startServer()
    const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
    await startChat(owner, server.url, 'Olga')
    return { owner, guest, link: await invite(owner) }
  }

  it('a guest tells who they are, is told why not, and cannot ask again from a network that was blocked', async () => {
    const { owner, guest, link } = await aDoor()
    await guest.page.goto(link)
    await guest.page.getByLabel('Your name').fill('Gus')
    const note = guest.page.getByLabel('Message to the host')
    await note.fill('x'.repeat(281))
    expect(await guest.page.getByRole('button', { name: 'Ask to join' }).isDisabled()).toBe(true)
    await note.fill('Gus <b>from the club</b>')
    await guest.page.getByRole('button', { name: 'Ask to join' }).click()
    await owner.page.getByText('Gus <b>from the club</b>').waitFor()

    await owner.page.getByRole('button', { name: 'Decline with a message, or block' }).click()
    const dialog = owner.page.getByRole('dialog', { name: 'Decline Gus' })
    await dialog.getByLabel('Message to Gus').fill('Sorry, family only')
    await dialog.getByLabel("Don't let anyone on their network ask again for a day").check()
    await owner.page.context().setOffline(true)
    await dialog.getByRole('button', { name: 'Decline and block' }).click()
    await dialog.getByRole('alert').getByText("Can't reach the server.").waitFor()
    await owner.page.context().setOffline(false)
    await dialog.getByRole('button', { name: 'Decline and block' }).click()
    await dialog.waitFor({ state: 'hidden' })

    await guest.page.getByText('Sorry, family only').waitFor()
    await guest.page.getByRole('button', { name: 'Ask again' }).click()
    await guest.page.getByRole('button', { name: 'Ask to join' }).click()
    await guest.page.getByText("The host isn't accepting requests from your network right now.").waitFor()
    // The key is kept, so the host can still let the guest in.
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page.getByRole('button', { name: /^Let in Gus/ }).click()
    await guest.page.reload()
    await untilLive(guest.page)
    expect([...owner.errors, ...guest.errors]).toEqual([])
  })

  it('a guest sees whether the host is there, and the host is warned of a name that somebody has already', async () => {
    const { owner, guest, link } = await aDoor()
    const code = await askToJoin(guest, link, 'Ana')
    await guest.page.getByText('The host is online.').waitFor()
    const other = await openWindow(browser)
    await askToJoin(other, link, 'ana')
    await owner.page.getByText('2 people want to join').waitFor()
    expect(await owner.page.getByText("There's already").count()).toBe(0)
    await approve(owner, code)
    await owner.page.getByText("There's already ana in this chat.").waitFor()
    await owner.page.close()
    const third = await openWindow(browser)
    await askToJoin(third, link, 'Ben')
    await third.page.getByText("The host isn't here right now.").waitFor()
  })

  it('who knocks at the moment at which all are let in is not one of them', async () => {
    const { owner, guest, link } = await aDoor()
    await askToJoin(guest, link, 'Ana')
    const other = await openWindow(browser)
    await askToJoin(other, link, 'Ben')
    await owner.page.getByText('2 people want to join').waitFor()
    await owner.page.waitForTimeout(500)
    const late = await openWindow(browser)
    // Between the click and its first request.
    let isLate = true
    await owner.page.route('**/v1/approval', async (route) => {
      if (isLate) await askToJoin(late, link, 'Cem')
      isLate = false
      await route.continue()
    })
    await owner.page.getByRole('button', { name: 'Let all in' }).click()
    await untilLive(guest.page)
    await untilLive(other.page)
    await owner.page.getByText('Someone wants to join').waitFor()
    await late.page.getByRole('heading', { name: 'Waiting to be let in' }).waitFor()
  })
})
