/** A conversation over lines that break, are slow, or are not there for a while. */
import { expect, it, onTestFinished } from 'vitest'
import type { Store } from '../../../src/chat/store.ts'
import { memoryStore } from '../../../src/store/memory/memory-store.ts'
import { startChromium } from '../../foreign/chromium.ts'
import { openWire } from '../../kit/wire.ts'
import { ROOMY } from '../../store/contract.ts'
import * as api from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import {
  A_PROXY_SAYS,
  askToJoin,
  isLive,
  isLost,
  meet,
  openTab,
  openWindow,
  SOON,
  say,
  shows,
  showsUnsent,
  startChat,
  texts,
  unsent
} from '../window.ts'

const MINUTE = 120_000

it.skipIf(!haveAll('chromium'))(
  'two people talk over a line that breaks again and again, and nothing is lost, doubled or out of order',
  async () => {
    const server = await startServer()
    const proxy = await openWire(server.port)
    onTestFinished(proxy.close)
    const browser = await startChromium()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    await meet(owner, guest, proxy.url)

    const said: string[] = []
    for (let count = 1; count <= 12; count++) {
      const isOwner = Math.random() < 0.5
      const text = `${isOwner ? 'o' : 'g'}${count}`
      said.push(text)
      await say(isOwner ? owner : guest, text)
      if (Math.random() < 0.3) void proxy.cutShort()
      if (Math.random() < 0.6) proxy.cut()
    }
    await expect.poll(async () => (await texts(owner)).length, { timeout: 20_000 }).toBe(said.length)
    const shown = await texts(owner)
    await shows(guest, shown)
    await Promise.all([showsUnsent(owner, []), showsUnsent(guest, [])])
    for (const who of ['o', 'g']) {
      const own = (text: string): boolean => text.startsWith(who)
      expect(shown.filter(own)).toEqual(said.filter(own))
    }
    // As the server has it.
    await Promise.all([owner.page.reload(), guest.page.reload()])
    await Promise.all([shows(owner, shown), shows(guest, shown)])
    expect([owner.complaints, guest.complaints]).toEqual([[], []])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'a restart is said and gets over, with what was said meanwhile',
  async () => {
    const first = await startServer()
    const proxy = await openWire(first.port)
    onTestFinished(proxy.close)
    const browser = await startChromium()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    await meet(owner, guest, proxy.url)
    await say(owner, 'before')
    await shows(guest, ['before'])

    const second = await startServer({ wrap: () => first.store })
    await proxy.down()
    await first.close()
    await Promise.all([isLost(owner), isLost(guest)])
    await say(guest, 'meanwhile')
    await showsUnsent(guest, ['meanwhile'])
    await proxy.up(second.port)
    await Promise.all([isLive(owner.page), isLive(guest.page)])
    await Promise.all([owner, guest].map((window) => shows(window, ['before', 'meanwhile'])))
    await say(owner, 'after')
    await Promise.all([owner, guest].map((window) => shows(window, ['before', 'meanwhile', 'after'])))
    expect([owner.complaints, guest.complaints]).toEqual([[], []])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'a network that is back is used at once',
  async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const chat = await startChat(owner, server.url, 'Olga')
    let failures = 0
    owner.page.on('requestfailed', (request) => {
      if (request.url().startsWith(`${chat}/events`)) failures++
    })
    await owner.page.context().setOffline(true)
    await isLost(owner)
    // The stream that was given up, and attempts 2, 4 and 8 seconds apart.
    await expect.poll(() => failures, { timeout: 15_000 }).toBe(4)
    const before = Date.now()
    await owner.page.context().setOffline(false)
    await isLive(owner.page)
    expect(Date.now() - before).toBeLessThan(4000)
    expect(owner.complaints).toEqual([])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'while nothing can be read one attempt is made at a time',
  async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const chat = await startChat(owner, server.url, 'Olga')
    const asked = { reads: 0, streams: 0 }
    await owner.page.context().route(`${chat}/*`, async (route) => {
      if (route.request().url().endsWith('/join-requests')) asked.reads++
      else asked.streams++
      await route.abort('connectionrefused')
    })
    await owner.page.reload()
    await isLost(owner)
    await expect.poll(() => asked.reads, SOON).toBe(4)
    expect(asked.streams).toBeLessThanOrEqual(4)
    await owner.page.context().unrouteAll()
    await isLive(owner.page)
    expect(owner.complaints).toEqual([])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'what a proxy says on the way ends neither a chat nor a wait at the door',
  async () => {
    const server = await startServer()
    const proxy = await openWire(server.port)
    onTestFinished(proxy.close)
    const browser = await startChromium()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const { chat, link } = await meet(owner, guest, proxy.url)
    const waiting = await openWindow(browser)
    const code = await askToJoin(waiting, link, 'Ben')
    const all = [owner, guest, waiting]
    const answered = all.map(() => 0)
    await Promise.all(
      all.map(({ page }, index) =>
        page.route(/\/v1\/(chats|links)\/./, async (route) => {
          answered[index] = (answered[index] ?? 0) + 1
          await route.fulfill(A_PROXY_SAYS)
        })
      )
    )
    proxy.cut()
    await expect.poll(() => Math.min(...answered), SOON).toBeGreaterThan(1)
    await Promise.all([isLost(owner), isLost(guest), waiting.page.getByText('The connection is lost').waitFor()])
    await Promise.all(all.map(({ page }) => page.unrouteAll()))
    await Promise.all([isLive(owner.page), isLive(guest.page)])
    await owner.page.getByRole('button', { name: new RegExp(`^Approve .*${code}`) }).click()
    await isLive(waiting.page)
    expect(waiting.page.url()).toBe(chat)
    expect(all.flatMap(({ complaints }) => complaints)).toEqual([])
  },
  MINUTE
)

/** The only chat of a store, in a store that has nothing of its log but these messages. */
async function withoutTail(store: Store, kept: readonly string[]): Promise<Store> {
  const rest = memoryStore(ROOMY)
  for (const tag of await store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)) {
    const door = (await store.load(tag))?.door
    if (door === undefined) continue
    await rest.create(door)
    for (const text of kept) await rest.append(tag, door.rights, { text, createdAt: door.createdAt })
  }
  return rest
}

const HOLD_ALL_PLACES = `[0, 1, 2, 3].forEach((place) => {
  navigator.locks.request('silly-chat:place:' + place, () => new Promise(() => {}))
})`

it.skipIf(!haveAll('chromium'))(
  'when the log has lost its tail all read again, with a stream or without',
  async () => {
    const first = await startServer()
    const proxy = await openWire(first.port)
    onTestFinished(proxy.close)
    const browser = await startChromium()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const places = await openTab(guest.page.context())
    await places.page.goto(proxy.url)
    await places.page.evaluate(HOLD_ALL_PLACES)
    const { chat } = await meet(owner, guest, proxy.url)
    const second = await openTab(owner.page.context())
    await second.page.goto(chat)
    await isLive(second.page)
    const all = [owner, second, guest]
    for (const text of ['kept', 'lost', 'lost, too']) await say(owner, text)
    await Promise.all(all.map((window) => shows(window, ['kept', 'lost', 'lost, too'])))

    const store = await withoutTail(first.store, ['Olga: kept'])
    const later = await startServer({ wrap: () => store })
    await proxy.down()
    await first.close()
    await proxy.up(later.port)
    await Promise.all(all.map((window) => shows(window, ['kept'])))
    await Promise.all(all.map(({ page }) => isLive(page)))
    await say(guest, 'go on')
    await Promise.all(all.map((window) => shows(window, ['kept', 'go on'])))
    expect(all.flatMap(({ complaints }) => complaints)).toEqual([])
  },
  MINUTE
)

it.skipIf(!haveAll('chromium'))(
  'a slow network is slow and nothing else',
  async () => {
    const server = await startServer()
    const { chat, owner } = await api.createChat(server)
    for (let count = 1; count <= 300; count++) await api.post(chat, owner, `${count}: ${'x'.repeat(200)}`)
    const window = await openWindow(await startChromium())
    const { page } = window
    const network = await page.context().newCDPSession(page)
    await network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 400,
      downloadThroughput: 50_000,
      uploadThroughput: 50_000
    })
    const before = Date.now()
    await page.goto(`${chat}#carry=${encodeURIComponent(JSON.stringify([owner, 'Olga']))}`)
    await page.getByRole('button', { name: 'Carry on here' }).click()
    await isLive(page)
    expect(Date.now() - before).toBeLessThan(12_000)
    await say(window, 'said')
    // At once, and sent when it has arrived.
    expect(await unsent(window)).toEqual(['said'])
    await showsUnsent(window, [])
    expect((await texts(window)).at(-1)).toBe('said')
    await api.post(chat, owner, 'heard')
    await expect.poll(async () => (await texts(window)).at(-1), SOON).toBe('heard')
    expect(window.complaints).toEqual([])
  },
  MINUTE
)
