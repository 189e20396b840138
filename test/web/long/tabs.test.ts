/** Many tabs of one browser, over HTTP/1.1 with its six connections. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { BrowserContext } from 'playwright-core'
import { expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import * as api from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import {
  approve,
  askToJoin,
  isLive,
  meet,
  openTab,
  openWindow,
  SOON,
  say,
  shows,
  texts,
  type Window
} from '../window.ts'

const TEN = Array.from({ length: 10 }, (_, index) => index + 1)

/** The streams that are open at the server. */
function openStreams(server: TestServer): () => number {
  const open = new Set<Socket>()
  server.app.server.prependListener('request', ({ url = '', socket }: IncomingMessage) => {
    if (!/\/events\b/.test(url)) return
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return () => open.size
}

/** Opens one tab for each of these addresses. */
function openTabs(context: BrowserContext, addresses: readonly string[]): Promise<Window[]> {
  return Promise.all(
    addresses.map(async (address) => {
      const tab = await openTab(context)
      await tab.page.goto(address)
      return tab
    })
  )
}

/** A browser that has the key of these chats, as their owner. */
async function ownerOf(server: TestServer, chats: readonly { chat: string; owner: string }[]): Promise<BrowserContext> {
  const { page } = await openWindow(await startChromium())
  await page.goto(server.url)
  for (const { chat, owner } of chats) {
    const text = JSON.stringify({ userId: owner, name: '', since: Date.now() })
    await page.evaluate(`localStorage.setItem('silly-chat:chat:${new URL(chat).pathname}', '${text}')`)
  }
  const context = page.context()
  await page.close()
  return context
}

async function allShow(tabs: readonly Window[], expected: readonly string[]): Promise<void> {
  await Promise.all(tabs.map((tab) => shows(tab, expected)))
}

async function allAreLive(tabs: readonly Window[]): Promise<void> {
  await Promise.all(tabs.map(({ page }) => isLive(page)))
}

async function allSay(tabs: readonly Window[], heading: string): Promise<void> {
  await Promise.all(tabs.map(({ page }) => page.getByRole('heading', { name: heading }).waitFor()))
}

const complaintsOf = (tabs: readonly Window[]): string[] => tabs.flatMap(({ complaints }) => complaints)

it.skipIf(!haveAll('chromium'))(
  'ten tabs of one chat share one stream, all hear all, and another takes over for the one that is closed',
  async () => {
    const server = await startServer()
    const streams = openStreams(server)
    const made = await api.createChat(server)
    const context = await ownerOf(server, [made])
    const tabs = await openTabs(
      context,
      TEN.map(() => made.chat)
    )
    await allAreLive(tabs)
    await expect.poll(streams, SOON).toBe(1)

    // From all of them in the same moment.
    await Promise.all(tabs.map((tab, index) => say(tab, `from ${index}`)))
    await expect.poll(() => api.readTexts(made.chat, made.owner), SOON).toHaveLength(10)
    const said = await api.readTexts(made.chat, made.owner)
    expect([...said].sort()).toEqual(tabs.map((_, index) => `from ${index}`))
    await allShow(tabs, said)
    expect(streams()).toBe(1)

    for (const count of [1, 2]) {
      const [leader] = tabs.splice(0, 1)
      const closing = leader?.page.close()
      for (const part of ['a', 'b', 'c']) {
        const text = `${part} while ${count} is closed`
        await api.post(made.chat, made.owner, text)
        said.push(text)
      }
      await closing
      await api.post(made.chat, made.owner, `after ${count} was closed`)
      said.push(`after ${count} was closed`)
      await allShow(tabs, said)
    }
    await expect.poll(streams, SOON).toBe(1)
    expect(complaintsOf(tabs)).toEqual([])
  },
  120_000
)

it.skipIf(!haveAll('chromium'))(
  'ten tabs of ten chats leave room for requests: each hears, each says',
  async () => {
    const server = await startServer()
    const streams = openStreams(server)
    const chats = await Promise.all(TEN.map(() => api.createChat(server)))
    const context = await ownerOf(server, chats)
    const tabs = await openTabs(
      context,
      chats.map(({ chat }) => chat)
    )
    await allAreLive(tabs)
    await expect.poll(streams, SOON).toBe(4)

    await Promise.all(chats.map(({ chat, owner }, index) => api.post(chat, owner, `heard ${index}`)))
    await Promise.all(tabs.map((tab, index) => shows(tab, [`heard ${index}`])))
    await Promise.all(tabs.map((tab, index) => say(tab, `said ${index}`)))
    await Promise.all(tabs.map((tab, index) => shows(tab, [`heard ${index}`, `said ${index}`])))
    expect(await Promise.all(chats.map(({ chat, owner }) => api.readTexts(chat, owner)))).toEqual(
      TEN.map((_, index) => [`heard ${index}`, `said ${index}`])
    )

    // Who knocks is seen without a stream, too.
    const knocks = await Promise.all(
      chats.map(async ({ chat, owner }) => api.knock(await api.createLink(chat, owner), 'Ana'))
    )
    await Promise.all(tabs.map(({ page }, index) => page.getByText(knocks[index]?.requestId ?? '').waitFor()))
    expect(streams()).toBe(4)
    // A place that becomes free is taken.
    await Promise.all(tabs.splice(0, 8).map(({ page }) => page.close()))
    await expect.poll(streams, SOON).toBe(2)
    expect(complaintsOf(tabs)).toEqual([])
  },
  120_000
)

it.skipIf(!haveAll('chromium'))(
  'ten tabs that wait at one door all come in',
  async () => {
    const server = await startServer()
    const streams = openStreams(server)
    const { chat, owner } = await api.createChat(server)
    const link = await api.createLink(chat, owner)
    const first = await openWindow(await startChromium())
    const code = await askToJoin(first, link, 'Ana')
    const more = await openTabs(
      first.page.context(),
      TEN.slice(1).map(() => link)
    )
    const tabs = [first, ...more]
    await Promise.all(tabs.map(({ page }) => page.getByText(code).waitFor()))
    expect(await api.requestsOf(chat, owner)).toHaveLength(1)
    await expect.poll(streams, SOON).toBe(1)

    await api.approve(link, owner, code)
    await allAreLive(tabs)
    expect(new Set(tabs.map(({ page }) => page.url()))).toEqual(new Set([chat]))
    await api.post(chat, owner, 'welcome')
    await allShow(tabs, ['welcome'])
    await expect.poll(streams, SOON).toBe(1)
    expect(complaintsOf(tabs)).toEqual([])
  },
  120_000
)

const WATCH_HEADINGS = `{
  seen = []
  const look = () => {
    const text = document.querySelector('.card h1')?.textContent
    if (text && text !== seen.at(-1)) seen.push(text)
  }
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true })
}`

/** Every heading of an ending that a page shows from now on. */
async function headingsOf({ page }: Window): Promise<() => Promise<string[]>> {
  await page.evaluate(WATCH_HEADINGS)
  return () => page.evaluate('seen')
}

it.skipIf(!haveAll('chromium'))(
  'tabs agree on who waits, and on how a chat has ended',
  async () => {
    const server = await startServer()
    const browser = await startChromium()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const { chat, link } = await meet(owner, guest, server.url)
    const owners = [owner, ...(await openTabs(owner.page.context(), [chat, chat]))]
    const guests = [guest, ...(await openTabs(guest.page.context(), [chat, chat]))]
    await allAreLive([...owners, ...guests])

    const { requestId } = await api.knock(link, 'Ben')
    await Promise.all(owners.map(({ page }) => page.getByText(requestId).waitFor()))
    await approve({ page: (owners[1] ?? owner).page, complaints: [] }, requestId)
    await Promise.all(owners.map(({ page }) => page.locator('.knock').waitFor({ state: 'detached' })))
    expect(await Promise.all(owners.map(({ page }) => page.title()))).toEqual(Array(3).fill('Silly Chat'))

    const seenByGuests = await Promise.all(guests.map(headingsOf))
    const seenByOwners = await Promise.all(owners.map(headingsOf))
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page.getByText('Ana', { exact: true }).locator('xpath=ancestor::li').getByText('Remove').click()
    await allSay(guests, 'You are no longer in this chat')
    // Closing comes to those who are out as nothing new.
    await owner.page.getByRole('button', { name: 'Close this chat …' }).click()
    await owner.page.getByRole('button', { name: 'Close for ever' }).click()
    await allSay(owners, 'This chat is closed')
    await expect.poll(() => texts(owner), SOON).toEqual([])
    expect(await Promise.all(seenByGuests.map((seen) => seen()))).toEqual(
      Array(3).fill(['You are no longer in this chat'])
    )
    expect(await Promise.all(seenByOwners.map((seen) => seen()))).toEqual(Array(3).fill(['This chat is closed']))
    expect(complaintsOf([...owners, ...guests])).toEqual([])
  },
  120_000
)

it.skipIf(!haveAll('chromium'))(
  'who leaves in one tab has left in all',
  async () => {
    const server = await startServer()
    const browser = await startChromium()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const { chat } = await meet(owner, guest, server.url)
    const others = await openTabs(guest.page.context(), [chat, chat])
    await allAreLive(others)
    const seen = await Promise.all(others.map(headingsOf))
    await guest.page.getByRole('button', { name: 'More' }).click()
    await guest.page.getByRole('button', { name: /^Leave/ }).click()
    await guest.page.getByRole('button', { name: 'Leave', exact: true }).click()
    await guest.page.getByRole('heading', { name: 'Silly Chat' }).waitFor()
    await allSay(others, 'You have left this chat')
    expect(await Promise.all(seen.map((look) => look()))).toEqual(Array(2).fill(['You have left this chat']))
    expect(complaintsOf([owner, guest, ...others])).toEqual([])
  },
  120_000
)

it.skipIf(!haveAll('chromium'))(
  'the key of a chat is kept, whatever other tabs keep in the same moment',
  async () => {
    const server = await startServer()
    const { page } = await openWindow(await startChromium())
    const tabs = await openTabs(
      page.context(),
      TEN.slice(4).map(() => server.url)
    )
    // All are answered in the same moment.
    let answered = 0
    let resolve = (): void => {}
    const all = new Promise<void>((done) => {
      resolve = done
    })
    await page.context().route('**/v1/chats', async (route) => {
      const response = await route.fetch()
      if (++answered === tabs.length) resolve()
      await all
      await route.fulfill({ response })
    })
    await Promise.all(tabs.map((tab) => tab.page.getByRole('button', { name: 'Start a chat' }).click()))
    await allAreLive(tabs)
    await page.goto(server.url)
    const kept = await page.locator('a.row').evaluateAll((rows) => rows.map(String))
    expect(new Set(kept)).toEqual(new Set(tabs.map((tab) => tab.page.url())))
    expect(complaintsOf(tabs)).toEqual([])
  },
  120_000
)
