/** How asking ends, as guests see it on the page while they wait, and what they can do then. */
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
import { askToJoin, invite, isLive, openTab, openWindow, say, shows, startChat, type Window } from '../window.ts'

/** A link nobody ever made. */
const UNKNOWN_LINK = `/v1/links/${'x'.repeat(43)}`

describe.skipIf(!haveAll('chromium'))('a guest', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  /** Ana waits at a link; its owner is a program. */
  async function atTheDoor(limits: Parameters<typeof createLink>[2] = {}) {
    const server = await startServer()
    const wire = await openWire(server.port)
    onTestFinished(wire.close)
    const { chat, owner } = await createChat(wire)
    const link = await createLink(chat, owner, limits)
    // A link that ends by itself is half a second from its end.
    if (limits.expires_in !== undefined) server.clock.now += limits.expires_in * 1000 - 500
    const guest = await openWindow(browser)
    const code = await askToJoin(guest, link, 'Ana')
    return { server, wire, chat, owner, link, guest, code }
  }

  type Scene = Awaited<ReturnType<typeof atTheDoor>>

  async function sees({ page }: Window, heading: string): Promise<void> {
    await page.getByRole('heading', { name: heading, exact: true }).waitFor()
    await expect.poll(() => page.title()).toBe(`${heading} – Silly Chat`)
  }

  async function mayAskAgain({ page }: Window): Promise<boolean> {
    return (await page.getByRole('button', { name: /^Ask / }).count()) > 0
  }

  async function states({ chat, owner }: Pick<Scene, 'chat' | 'owner'>): Promise<string[]> {
    return (await requestsOf(chat, owner)).map(({ state }) => state)
  }

  it('who waits and is declined is told so, then and whenever the link is opened again, and may ask again', async () => {
    const scene = await atTheDoor()
    const { owner, link, guest, code } = scene
    await decline(link, owner, code)
    await sees(guest, 'The owner has said no')
    await guest.page.reload()
    await sees(guest, 'The owner has said no')
    expect(await states(scene)).toEqual(['declined'])
    await guest.page.getByRole('button', { name: 'Ask again' }).click()
    await guest.page.getByRole('button', { name: 'Ask to join' }).click()
    await sees(guest, 'You are at the door')
    expect(await guest.page.locator('.code').innerText()).not.toBe(code)
    expect(await states(scene)).toEqual(['declined', 'pending'])
  })

  it('who takes the request back is not asking any more, also in the eyes of the owner, and may ask again', async () => {
    const scene = await atTheDoor()
    const { guest } = scene
    await guest.page.getByRole('button', { name: 'Do not ask any more' }).click()
    await sees(guest, 'You are not asking any more')
    expect(await states(scene)).toEqual(['closed'])
    await guest.page.getByRole('button', { name: 'Ask again' }).click()
    await sees(guest, 'You are invited to a chat')
    await guest.page.reload()
    await sees(guest, 'You are invited to a chat')
    expect(await states(scene)).toEqual(['closed'])
  })

  it.each<[how: string, heading: string, limits: Parameters<typeof createLink>[2], end: (scene: Scene) => unknown]>([
    ['runs out', 'This invitation has run out', { expires_in: 60 }, ({ server }) => (server.clock.now += 500)],
    ['is revoked', 'This invitation was taken back', {}, ({ link, owner }) => call(`DELETE ${link}`, { user: owner })],
    [
      'is used up',
      'This invitation is used up',
      { max_guests: 1 },
      async ({ link, owner }) => approve(link, owner, (await knock(link, 'Ben')).requestId)
    ]
  ])(
    'whose link %s is told so, then and when the link is opened again, and cannot ask',
    async (_how, heading, limits, end) => {
      const scene = await atTheDoor(limits)
      const { guest, chat, owner, code } = scene
      await end(scene)
      await sees(guest, heading)
      expect(await mayAskAgain(guest)).toBe(false)
      await guest.page.reload()
      await sees(guest, heading)
      expect(await mayAskAgain(guest)).toBe(false)
      expect((await requestsOf(chat, owner)).find(({ request_id }) => request_id === code)?.state).toBe('closed')
      const newcomer = await openWindow(browser)
      await newcomer.page.goto(scene.link)
      await sees(newcomer, heading)
      expect(await linksOf(chat, owner)).toMatchObject([{ pending: 0 }])
    }
  )

  it('whose chat is closed is told that there is no chat any more', async () => {
    const { chat, owner, link, guest } = await atTheDoor()
    await call(`DELETE ${chat}`, { user: owner })
    await sees(guest, 'This chat is closed')
    expect(await mayAskAgain(guest)).toBe(false)
    await guest.page.goto(link)
    await sees(guest, 'This invitation leads nowhere')
  })

  it('who opens a link that was never made is told that it leads nowhere', async () => {
    const server = await startServer()
    const guest = await openWindow(browser)
    await guest.page.goto(`${server.url}${UNKNOWN_LINK}`)
    await sees(guest, 'This invitation leads nowhere')
  })

  it('who was declined and is let in after all comes in by opening the link again', async () => {
    const scene = await atTheDoor()
    const { owner, link, guest, code } = scene
    await decline(link, owner, code)
    await sees(guest, 'The owner has said no')
    await approve(link, owner, code)
    await guest.page.goto(link)
    await isLive(guest.page)
    expect(await states(scene)).toEqual(['approved'])
  })

  it('who was removed and is let in again comes in by opening the link again, or the chat', async () => {
    const scene = await atTheDoor()
    const { owner, link, guest, code, chat } = scene
    await approve(link, owner, code)
    await isLive(guest.page)
    const address = guest.page.url()
    await decline(link, owner, code)
    await sees(guest, 'You are no longer in this chat')
    await guest.page.goto(link)
    await sees(guest, 'You are invited to a chat')
    await approve(link, owner, code)
    await post(chat, owner, 'Olga: sorry')
    await guest.page.goto(link)
    await isLive(guest.page)
    await shows(guest, ['sorry'])
    expect(guest.page.url()).toBe(address)
    await decline(link, owner, code)
    await sees(guest, 'You are no longer in this chat')
    await approve(link, owner, code)
    await guest.page.reload()
    await isLive(guest.page)
    expect(await states(scene)).toEqual(['approved'])
  })

  it('who reloads while waiting keeps the place', async () => {
    const scene = await atTheDoor()
    const { guest, code, owner, link } = scene
    for (let times = 0; times < 3; times++) {
      await guest.page.reload()
      await sees(guest, 'You are at the door')
      expect(await guest.page.locator('.code').innerText()).toBe(code)
    }
    expect(await states(scene)).toEqual(['pending'])
    await approve(link, owner, code)
    await isLive(guest.page)
  })

  it('who waits in two tabs waits once, and both move into the chat', async () => {
    const scene = await atTheDoor()
    const { guest, code, owner, link } = scene
    const tab = await openTab(guest.page.context())
    await tab.page.goto(link)
    await sees(tab, 'You are at the door')
    expect(await tab.page.locator('.code').innerText()).toBe(code)
    expect(await states(scene)).toEqual(['pending'])
    await approve(link, owner, code)
    await Promise.all([isLive(guest.page), isLive(tab.page)])
    await say(tab, 'hi')
    await Promise.all([shows(guest, ['hi']), shows(tab, ['hi'])])
    expect(tab.page.url()).toBe(guest.page.url())
  })

  it('who takes the request back in one of two tabs is not asking in the other either', async () => {
    const { guest, link } = await atTheDoor()
    const tab = await openTab(guest.page.context())
    await tab.page.goto(link)
    await sees(tab, 'You are at the door')
    await tab.page.getByRole('button', { name: 'Do not ask any more' }).click()
    await Promise.all([sees(tab, 'You are not asking any more'), sees(guest, 'You are not asking any more')])
  })

  it('leaves the chat for good, and the owner sees it', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const chat = await startChat(owner, server.url, 'Olga')
    const link = await invite(owner)
    const code = await askToJoin(guest, link, 'Ana')
    await owner.page.getByRole('button', { name: `Approve Ana, ${code}` }).click()
    await isLive(guest.page)
    await guest.page.getByRole('button', { name: 'More' }).click()
    await guest.page.getByRole('button', { name: 'Leave this chat …' }).click()
    await guest.page.getByRole('button', { name: 'Leave', exact: true }).click()
    await guest.page.waitForURL(`${server.url}/`)
    await guest.page.getByRole('heading', { name: 'Silly Chat' }).waitFor()
    expect(await guest.page.getByText('Your chats in this browser').count()).toBe(0)
    expect(await guest.page.evaluate('Object.keys(localStorage)')).toEqual(['silly-chat:name'])
    await guest.page.goto(chat)
    await sees(guest, 'This address lets nobody in')
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page.getByText('0 in, 0 waiting').waitFor()
    expect(await owner.page.getByText('Ana').count()).toBe(0)
  })

  it('whose network is away in the moment of the decision learns it when it is back', async () => {
    const scene = await atTheDoor()
    const { guest, owner, link, code } = scene
    await guest.page.context().setOffline(true)
    await guest.page.getByText('The connection is lost').waitFor()
    await approve(link, owner, code)
    await guest.page.context().setOffline(false)
    await isLive(guest.page)
    await decline(link, owner, code)
    await sees(guest, 'You are no longer in this chat')
    expect(await states(scene)).toEqual(['declined'])
  })

  it('whose connection breaks in the moment of the decision learns it when the server can be reached', async () => {
    const scene = await atTheDoor()
    const { server, wire, guest, owner, link, code } = scene
    await wire.down()
    await guest.page.getByText('The connection is lost').waitFor()
    await approve(link.replace(wire.url, server.url), owner, code)
    await guest.page.getByText(code).waitFor()
    await wire.up(server.port)
    await isLive(guest.page)
    expect(await states(scene)).toEqual(['approved'])
  })

  it('who cannot take the request back for want of a network is told so and goes on waiting', async () => {
    const { guest, owner, link, code } = await atTheDoor()
    await guest.page.context().setOffline(true)
    await guest.page.getByRole('button', { name: 'Do not ask any more' }).click()
    await guest.page.getByText('The server cannot be reached. Check your connection and try again.').waitFor()
    await guest.page.context().setOffline(false)
    await approve(link, owner, code)
    await isLive(guest.page)
  })

  it('who is in already is shown the way into the chat by another link to it, without a knock', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    const guest = await openWindow(browser)
    await approve(link, owner, await askToJoin(guest, link, 'Ben'))
    await isLive(guest.page)
    await guest.page.goto(await createLink(chat, owner))
    await sees(guest, 'You are in this chat already')
    await guest.page.getByRole('link', { name: 'Open the chat' }).click()
    await isLive(guest.page)
    expect(await requestsOf(chat, owner)).toHaveLength(2)
  })
})
