/** Many tabs of one browser, which has six connections with HTTP/1.1. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { BrowserContext } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { startChromium } from '../../foreign/chromium.ts'
import * as api from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import {
  approve,
  askToJoin,
  expectTexts,
  openTab,
  openWindow,
  SOON,
  send,
  startMeeting,
  texts,
  untilHeading,
  untilLive,
  type Window
} from '../window.ts'

const TEN = Array.from({ length: 10 }, (_, index) => index + 1)

/** Counts the open streams of a server. */
function openStreams(server: TestServer): () => number {
  const open = new Set<Socket>()
  server.app.server.prependListener('request', ({ url = '', socket }: IncomingMessage) => {
    if (!/\/events\b/.test(url)) return
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return () => open.size
}

/** Opens a tab for each address. */
function openTabs(context: BrowserContext, addresses: readonly string[]): Promise<Window[]> {
  return Promise.all(
    addresses.map(async (address) => {
      const tab = await openTab(context)
      await tab.page.goto(address)
      return tab
    })
  )
}

/** A browser whose user owns these chats. */
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

async function allHaveTexts(tabs: readonly Window[], expected: readonly string[]): Promise<void> {
  await Promise.all(tabs.map((tab) => expectTexts(tab, expected)))
}

async function allUntilLive(tabs: readonly Window[]): Promise<void> {
  await Promise.all(tabs.map(({ page }) => untilLive(page)))
}

async function allHaveHeading(tabs: readonly Window[], heading: string): Promise<void> {
  await Promise.all(tabs.map((tab) => untilHeading(tab, heading)))
}

const errorsOf = (tabs: readonly Window[]): string[] => tabs.flatMap(({ errors }) => errors)

const WATCH_HEADINGS = `{
  seen = []
  const record = () => {
    const text = document.querySelector('.card h1')?.textContent
    if (text && text !== seen.at(-1)) seen.push(text)
  }
  new MutationObserver(record).observe(document.body, { childList: true, subtree: true, characterData: true })
}`

/** Records every heading of an ending that a page shows from now on. */
async function headingsOf({ page }: Window): Promise<() => Promise<string[]>> {
  await page.evaluate(WATCH_HEADINGS)
  return () => page.evaluate('seen')
}

describe.skipIf(!haveAll('chromium'))('several tabs', { timeout: 120_000 }, () => {
  it('ten tabs of one chat share one stream, all show every message, and another tab takes over when one is closed', async () => {
    const server = await startServer()
    const streams = openStreams(server)
    const { chat, owner } = await api.createChat(server)
    const context = await ownerOf(server, [{ chat, owner }])
    const tabs = await openTabs(
      context,
      TEN.map(() => chat)
    )
    await allUntilLive(tabs)
    await expect.poll(streams, SOON).toBe(1)

    // All tabs send at the same time.
    await Promise.all(tabs.map((tab, index) => send(tab, `from ${index}`)))
    await expect.poll(() => api.readTexts(chat, owner), SOON).toHaveLength(10)
    const posted = await api.readTexts(chat, owner)
    expect([...posted].sort()).toEqual(tabs.map((_, index) => `from ${index}`))
    await allHaveTexts(tabs, posted)
    expect(streams()).toBe(1)

    for (const count of [1, 2]) {
      const [leader] = tabs.splice(0, 1)
      const closing = leader?.page.close()
      for (const part of ['a', 'b', 'c']) {
        const text = `${part} while ${count} is closed`
        await api.post(chat, owner, text)
        posted.push(text)
      }
      await closing
      await api.post(chat, owner, `after ${count} was closed`)
      posted.push(`after ${count} was closed`)
      await allHaveTexts(tabs, posted)
    }
    await expect.poll(streams, SOON).toBe(1)
    expect(errorsOf(tabs)).toEqual([])
  })

  it('ten tabs of ten chats leave connections for requests: each shows new messages, and each can send', async () => {
    const server = await startServer()
    const streams = openStreams(server)
    const chats = await Promise.all(TEN.map(() => api.createChat(server)))
    const context = await ownerOf(server, chats)
    const tabs = await openTabs(
      context,
      chats.map(({ chat }) => chat)
    )
    await allUntilLive(tabs)
    await expect.poll(streams, SOON).toBe(4)

    await Promise.all(chats.map(({ chat, owner }, index) => api.post(chat, owner, `received ${index}`)))
    await Promise.all(tabs.map((tab, index) => expectTexts(tab, [`received ${index}`])))
    await Promise.all(tabs.map((tab, index) => send(tab, `sent ${index}`)))
    await Promise.all(tabs.map((tab, index) => expectTexts(tab, [`received ${index}`, `sent ${index}`])))
    expect(await Promise.all(chats.map(({ chat, owner }) => api.readTexts(chat, owner)))).toEqual(
      TEN.map((_, index) => [`received ${index}`, `sent ${index}`])
    )

    // Tabs without a stream show knocks, too.
    const knocks = await Promise.all(
      chats.map(async ({ chat, owner }) => api.knock(await api.createLink(chat, owner), 'Ana'))
    )
    await Promise.all(tabs.map(({ page }, index) => page.getByText(knocks[index]?.requestId ?? '').waitFor()))
    expect(streams()).toBe(4)
    // A free slot is used.
    await Promise.all(tabs.splice(0, 8).map(({ page }) => page.close()))
    await expect.poll(streams, SOON).toBe(2)
    expect(errorsOf(tabs)).toEqual([])
  })

  it('ten tabs that wait with one request all enter the chat', async () => {
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
    await allUntilLive(tabs)
    expect(new Set(tabs.map(({ page }) => page.url()))).toEqual(new Set([chat]))
    await api.post(chat, owner, 'welcome')
    await allHaveTexts(tabs, ['welcome'])
    await expect.poll(streams, SOON).toBe(1)
    expect(errorsOf(tabs)).toEqual([])
  })

  it('all tabs show the same pending guests, and the same ending of a chat', async () => {
    const server = await startServer()
    const { owner, guest, chat, link } = await startMeeting(server.url)
    const owners = [owner, ...(await openTabs(owner.page.context(), [chat, chat]))]
    const guests = [guest, ...(await openTabs(guest.page.context(), [chat, chat]))]
    await allUntilLive([...owners, ...guests])

    const { requestId } = await api.knock(link, 'Ben')
    await Promise.all(owners.map(({ page }) => page.getByText(requestId).waitFor()))
    await approve({ page: (owners[1] ?? owner).page, errors: [] }, requestId)
    await Promise.all(owners.map(({ page }) => page.locator('.knock').waitFor({ state: 'detached' })))
    expect(await Promise.all(owners.map(({ page }) => page.title()))).toEqual(Array(3).fill('Silly Chat'))

    const seenByGuests = await Promise.all(guests.map(headingsOf))
    const seenByOwners = await Promise.all(owners.map(headingsOf))
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page.getByText('Ana', { exact: true }).locator('xpath=ancestor::li').getByText('Remove').click()
    await allHaveHeading(guests, "You're no longer in this chat")
    // A removed guest is not notified that the chat is closed.
    await owner.page.getByRole('button', { name: 'Close this chat…' }).click()
    await owner.page.getByRole('button', { name: 'Close and delete' }).click()
    await allHaveHeading(owners, 'This chat is closed')
    await expect.poll(() => texts(owner), SOON).toEqual([])
    expect(await Promise.all(seenByGuests.map((seen) => seen()))).toEqual(
      Array(3).fill(["You're no longer in this chat"])
    )
    expect(await Promise.all(seenByOwners.map((seen) => seen()))).toEqual(Array(3).fill(['This chat is closed']))
    expect(errorsOf([...owners, ...guests])).toEqual([])
  })

  it('a guest who leaves in one tab has left in all', async () => {
    const server = await startServer()
    const { owner, guest, chat } = await startMeeting(server.url)
    const others = await openTabs(guest.page.context(), [chat, chat])
    await allUntilLive(others)
    const seen = await Promise.all(others.map(headingsOf))
    await guest.page.getByRole('button', { name: 'More' }).click()
    await guest.page.getByRole('button', { name: /^Leave/ }).click()
    await guest.page.getByRole('button', { name: 'Leave', exact: true }).click()
    await untilHeading(guest, 'Silly Chat')
    await allHaveHeading(others, 'You left this chat')
    expect(await Promise.all(seen.map((headings) => headings()))).toEqual(Array(2).fill(['You left this chat']))
    expect(errorsOf([owner, guest, ...others])).toEqual([])
  })

  it('the key of a chat is stored, whatever other tabs store at the same time', async () => {
    const server = await startServer()
    const { page } = await openWindow(await startChromium())
    const tabs = await openTabs(
      page.context(),
      TEN.slice(4).map(() => server.url)
    )
    // All requests are answered at the same time.
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
    await allUntilLive(tabs)
    await page.goto(server.url)
    const stored = await page.locator('a.row').evaluateAll((rows) => rows.map(String))
    expect(new Set(stored)).toEqual(new Set(tabs.map((tab) => tab.page.url())))
    expect(errorsOf(tabs)).toEqual([])
  })
})
