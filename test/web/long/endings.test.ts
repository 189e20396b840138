/** How a join request can end, as guests see it on the page, and what they can do then. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../foreign/chromium.ts'
import { openWire } from '../../kit/wire.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  decline,
  knock,
  linksOf,
  post,
  requestsOf
} from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import {
  askToJoin,
  expectTexts,
  invite,
  openTab,
  openWindow,
  send,
  startChat,
  untilHeading,
  untilLive,
  type Window
} from '../window.ts'

/** A link that does not exist. */
const UNKNOWN_LINK = `/v1/links/${'x'.repeat(43)}`

describe.skipIf(!haveAll('chromium'))('a guest', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  /** Ana waits at a link; the owner is a program. */
  async function atTheDoor(limits: Parameters<typeof createLink>[2] = {}) {
    const server = await startServer()
    const wire = await openWire(server.port)
    onTestFinished(wire.close)
    const { chat, owner } = await createChat(wire)
    const link = await createLink(chat, owner, limits)
    // A link with a deadline expires half a second from now.
    if (limits.expires_in !== undefined) server.clock.now += limits.expires_in * 1000 - 500
    const guest = await openWindow(browser)
    const code = await askToJoin(guest, link, 'Ana')
    return { server, wire, chat, owner, link, guest, code }
  }

  type Scene = Awaited<ReturnType<typeof atTheDoor>>

  async function expectCard({ page }: Window, heading: string): Promise<void> {
    await untilHeading({ page }, heading)
    await expect.poll(() => page.title()).toBe(`${heading} – Silly Chat`)
  }

  async function canAskAgain({ page }: Window): Promise<boolean> {
    return (await page.getByRole('button', { name: /^Ask / }).count()) > 0
  }

  async function states({ chat, owner }: Pick<Scene, 'chat' | 'owner'>): Promise<string[]> {
    return (await requestsOf(chat, owner)).map(({ state }) => state)
  }

  it('sees that the request was declined, also when the link is opened again, and can ask again', async () => {
    const scene = await atTheDoor()
    const { owner, link, guest, code } = scene
    await decline(link, owner, code)
    await expectCard(guest, "You weren't let in")
    await guest.page.reload()
    await expectCard(guest, "You weren't let in")
    expect(await states(scene)).toEqual(['declined'])
    await guest.page.getByRole('button', { name: 'Ask again' }).click()
    await guest.page.getByRole('button', { name: 'Ask to join' }).click()
    await expectCard(guest, 'Waiting to be let in')
    expect(await guest.page.locator('.code').innerText()).not.toBe(code)
    expect(await states(scene)).toEqual(['declined', 'pending'])
  })

  it('can withdraw the request, which the owner sees as closed, and ask again', async () => {
    const scene = await atTheDoor()
    const { guest } = scene
    await guest.page.getByRole('button', { name: 'Cancel request' }).click()
    await expectCard(guest, 'Request cancelled')
    expect(await states(scene)).toEqual(['closed'])
    await guest.page.getByRole('button', { name: 'Ask again' }).click()
    await expectCard(guest, 'You are invited to a chat')
    await guest.page.reload()
    await expectCard(guest, 'You are invited to a chat')
    expect(await states(scene)).toEqual(['closed'])
  })

  it.each<[how: string, heading: string, limits: Parameters<typeof createLink>[2], end: (scene: Scene) => unknown]>([
    ['runs out', 'This invite has expired', { expires_in: 60 }, ({ server }) => (server.clock.now += 500)],
    ['is revoked', 'This invite was cancelled', {}, ({ link, owner }) => call(`DELETE ${link}`, { user: owner })],
    [
      'is used up',
      'This invite is full',
      { max_guests: 1 },
      async ({ link, owner }) => approve(link, owner, (await knock(link, 'Ben')).requestId)
    ]
  ])(
    'whose link %s sees that, also when the link is opened again, and cannot ask again',
    async (_how, heading, limits, end) => {
      const scene = await atTheDoor(limits)
      const { guest, chat, owner, code } = scene
      await end(scene)
      await expectCard(guest, heading)
      expect(await canAskAgain(guest)).toBe(false)
      await guest.page.reload()
      await expectCard(guest, heading)
      expect(await canAskAgain(guest)).toBe(false)
      expect((await requestsOf(chat, owner)).find(({ request_id }) => request_id === code)?.state).toBe('closed')
      const newcomer = await openWindow(browser)
      await newcomer.page.goto(scene.link)
      await expectCard(newcomer, heading)
      expect(await linksOf(chat, owner)).toMatchObject([{ pending: 0 }])
    }
  )

  it('sees that the chat was closed', async () => {
    const { chat, owner, link, guest } = await atTheDoor()
    await call(`DELETE ${chat}`, { user: owner })
    await expectCard(guest, 'This chat is closed')
    expect(await canAskAgain(guest)).toBe(false)
    await guest.page.goto(link)
    await expectCard(guest, "This invite link doesn't work")
  })

  it('sees that a link does not exist', async () => {
    const server = await startServer()
    const guest = await openWindow(browser)
    await guest.page.goto(`${server.url}${UNKNOWN_LINK}`)
    await expectCard(guest, "This invite link doesn't work")
  })

  it('can open the link again after a decline and a later approval', async () => {
    const scene = await atTheDoor()
    const { owner, link, guest, code } = scene
    await decline(link, owner, code)
    await expectCard(guest, "You weren't let in")
    await approve(link, owner, code)
    await guest.page.goto(link)
    await untilLive(guest.page)
    expect(await states(scene)).toEqual(['approved'])
  })

  it('can open the link or the chat again after a removal and a later approval', async () => {
    const scene = await atTheDoor()
    const { owner, link, guest, code, chat } = scene
    await approve(link, owner, code)
    await untilLive(guest.page)
    const address = guest.page.url()
    await decline(link, owner, code)
    await expectCard(guest, "You're no longer in this chat")
    await guest.page.goto(link)
    await expectCard(guest, 'You are invited to a chat')
    await approve(link, owner, code)
    await post(chat, owner, 'Olga: sorry')
    await guest.page.goto(link)
    await untilLive(guest.page)
    await expectTexts(guest, ['sorry'])
    expect(guest.page.url()).toBe(address)
    await decline(link, owner, code)
    await expectCard(guest, "You're no longer in this chat")
    await approve(link, owner, code)
    await guest.page.reload()
    await untilLive(guest.page)
    expect(await states(scene)).toEqual(['approved'])
  })

  it('keeps the same request after a reload', async () => {
    const scene = await atTheDoor()
    const { guest, code, owner, link } = scene
    for (let times = 0; times < 3; times++) {
      await guest.page.reload()
      await expectCard(guest, 'Waiting to be let in')
      expect(await guest.page.locator('.code').innerText()).toBe(code)
    }
    expect(await states(scene)).toEqual(['pending'])
    await approve(link, owner, code)
    await untilLive(guest.page)
  })

  it('has one request in two tabs, and both tabs open the chat', async () => {
    const scene = await atTheDoor()
    const { guest, code, owner, link } = scene
    const tab = await openTab(guest.page.context())
    await tab.page.goto(link)
    await expectCard(tab, 'Waiting to be let in')
    expect(await tab.page.locator('.code').innerText()).toBe(code)
    expect(await states(scene)).toEqual(['pending'])
    await approve(link, owner, code)
    await Promise.all([untilLive(guest.page), untilLive(tab.page)])
    await send(tab, 'hi')
    await Promise.all([expectTexts(guest, ['hi']), expectTexts(tab, ['hi'])])
    expect(tab.page.url()).toBe(guest.page.url())
  })

  it('who withdraws the request in one tab sees that in the other tab, too', async () => {
    const { guest, link } = await atTheDoor()
    const tab = await openTab(guest.page.context())
    await tab.page.goto(link)
    await expectCard(tab, 'Waiting to be let in')
    await tab.page.getByRole('button', { name: 'Cancel request' }).click()
    await Promise.all([expectCard(tab, 'Request cancelled'), expectCard(guest, 'Request cancelled')])
  })

  it('can leave the chat, and the owner sees that', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const chat = await startChat(owner, server.url, 'Olga')
    const link = await invite(owner)
    const code = await askToJoin(guest, link, 'Ana')
    await owner.page.getByRole('button', { name: `Let in Ana, ${code}` }).click()
    await untilLive(guest.page)
    await guest.page.getByRole('button', { name: 'More' }).click()
    await guest.page.getByRole('button', { name: 'Leave this chat…' }).click()
    await guest.page.getByRole('button', { name: 'Leave', exact: true }).click()
    await guest.page.waitForURL(`${server.url}/`)
    await guest.page.getByRole('heading', { name: 'Silly Chat' }).waitFor()
    expect(await guest.page.getByText('Your chats on this browser').count()).toBe(0)
    expect(await guest.page.evaluate('Object.keys(localStorage)')).toEqual(['silly-chat:name'])
    await guest.page.goto(chat)
    await expectCard(guest, "You're not in this chat on this browser")
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page.getByText('0 joined, 0 waiting').waitFor()
    expect(await owner.page.getByText('Ana').count()).toBe(0)
  })

  it('without a network during the decision sees it when the network is back', async () => {
    const scene = await atTheDoor()
    const { guest, owner, link, code } = scene
    await guest.page.context().setOffline(true)
    await guest.page.getByText('No connection').waitFor()
    await approve(link, owner, code)
    await guest.page.context().setOffline(false)
    await untilLive(guest.page)
    await decline(link, owner, code)
    await expectCard(guest, "You're no longer in this chat")
    expect(await states(scene)).toEqual(['declined'])
  })

  it('without a connection during the decision sees it when the server can be reached again', async () => {
    const scene = await atTheDoor()
    const { server, wire, guest, owner, link, code } = scene
    await wire.down()
    await guest.page.getByText('No connection').waitFor()
    await approve(link.replace(wire.url, server.url), owner, code)
    await guest.page.getByText(code).waitFor()
    await wire.up(server.port)
    await untilLive(guest.page)
    expect(await states(scene)).toEqual(['approved'])
  })

  it('who cannot withdraw the request without a network sees an error and still waits', async () => {
    const { guest, owner, link, code } = await atTheDoor()
    await guest.page.context().setOffline(true)
    await guest.page.getByRole('button', { name: 'Cancel request' }).click()
    await guest.page.getByText("Can't reach the server. Check your connection and try again.").waitFor()
    await guest.page.context().setOffline(false)
    await approve(link, owner, code)
    await untilLive(guest.page)
  })

  it('who is already a member can open the chat through another link, without a knock', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    const guest = await openWindow(browser)
    await approve(link, owner, await askToJoin(guest, link, 'Ben'))
    await untilLive(guest.page)
    await guest.page.goto(await createLink(chat, owner))
    await expectCard(guest, "You're already in this chat")
    await guest.page.getByRole('link', { name: 'Open the chat' }).click()
    await untilLive(guest.page)
    expect(await requestsOf(chat, owner)).toHaveLength(2)
  })
})
