/** A conversation over connections that break, are slow, or are unavailable for a while. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Store } from '../../../src/chat/store.ts'
import { memoryStore } from '../../../src/store/memory/memory-store.ts'
import { startChromium } from '../../foreign/chromium.ts'
import { openWire } from '../../kit/wire.ts'
import { ROOMY } from '../../store/contract.ts'
import * as api from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRandom } from '../../support/seed.ts'
import { startServer } from '../../support/server.ts'
import {
  approve,
  askToJoin,
  expectTexts,
  expectUnsent,
  meet,
  openTab,
  openWindow,
  PROXY_ERROR,
  pasteKey,
  SOON,
  send,
  startChat,
  startMeeting,
  texts,
  unsent,
  untilLive,
  untilLost
} from '../window.ts'

/** Copies the only chat of a store, with only these messages in its log. */
async function copyWith(store: Store, kept: readonly string[]): Promise<Store> {
  const rest = memoryStore(ROOMY)
  for (const tag of await store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)) {
    const door = (await store.load(tag))?.door
    if (door === undefined) continue
    await rest.create(door)
    for (const text of kept) await rest.append(tag, door.rights, { from: 'owner', text, createdAt: door.createdAt })
  }
  return rest
}

const HOLD_ALL_SLOTS = `[0, 1, 2, 3].forEach((slot) => {
  navigator.locks.request('silly-chat:place:' + slot, () => new Promise(() => {}))
})`

describe.skipIf(!haveAll('chromium'))('over an unreliable network', { timeout: 120_000 }, () => {
  it('two people talk over a connection that keeps breaking, and nothing is lost, duplicated or out of order', async () => {
    const random = aRandom()
    const server = await startServer()
    const wire = await openWire(server.port)
    onTestFinished(wire.close)
    const { owner, guest } = await startMeeting(wire.url)

    const sent: Record<'o' | 'g', string[]> = { o: [], g: [] }
    for (let count = 1; count <= 12; count++) {
      const sender = random.pick<'o' | 'g'>('o', 'g')
      const text = `${sender}${count}`
      sent[sender].push(text)
      await send(sender === 'o' ? owner : guest, text)
      if (random.chance(0.3)) void wire.cutShort()
      if (random.chance(0.6)) wire.cut()
    }
    await expect.poll(() => texts(owner), SOON).toHaveLength(12)
    const shown = await texts(owner)
    await expectTexts(guest, shown)
    await Promise.all([expectUnsent(owner, []), expectUnsent(guest, [])])
    for (const [sender, texts] of Object.entries(sent)) {
      expect(shown.filter((text) => text.startsWith(sender))).toEqual(texts)
    }
    // After a reload, the page shows the messages as the server has them.
    await Promise.all([owner.page.reload(), guest.page.reload()])
    await Promise.all([expectTexts(owner, shown), expectTexts(guest, shown)])
    expect([owner.errors, guest.errors]).toEqual([[], []])
  })

  it('the page shows a restart of the server, and sends the messages written meanwhile', async () => {
    const first = await startServer()
    const wire = await openWire(first.port)
    onTestFinished(wire.close)
    const { owner, guest } = await startMeeting(wire.url)
    await send(owner, 'before')
    await expectTexts(guest, ['before'])

    const second = await startServer({ wrap: () => first.store })
    await wire.down()
    await first.close()
    await Promise.all([untilLost(owner), untilLost(guest)])
    await send(guest, 'meanwhile')
    await expectUnsent(guest, ['meanwhile'])
    await wire.up(second.port)
    await Promise.all([untilLive(owner.page), untilLive(guest.page)])
    await Promise.all([owner, guest].map((window) => expectTexts(window, ['before', 'meanwhile'])))
    await send(owner, 'after')
    await Promise.all([owner, guest].map((window) => expectTexts(window, ['before', 'meanwhile', 'after'])))
    expect([owner.errors, guest.errors]).toEqual([[], []])
  })

  it('the page reconnects as soon as the network is back', async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const chat = await startChat(owner, server.url, 'Olga')
    let failures = 0
    owner.page.on('requestfailed', (request) => {
      if (request.url().startsWith(`${chat}/events`)) failures++
    })
    await owner.page.context().setOffline(true)
    await untilLost(owner)
    // The lost stream, and attempts after 2, 4 and 8 seconds.
    await expect.poll(() => failures, { timeout: 15_000 }).toBe(4)
    const before = Date.now()
    await owner.page.context().setOffline(false)
    await untilLive(owner.page)
    expect(Date.now() - before).toBeLessThan(4000)
    expect(owner.errors).toEqual([])
  })

  it('the page makes one attempt at a time while the chat cannot be read', async () => {
    const server = await startServer()
    const owner = await openWindow(await startChromium())
    const chat = await startChat(owner, server.url, 'Olga')
    const requests = { reads: 0, streams: 0 }
    await owner.page.context().route(`${chat}/*`, async (route) => {
      if (route.request().url().endsWith('/join-requests')) requests.reads++
      else requests.streams++
      await route.abort('connectionrefused')
    })
    await owner.page.reload()
    await untilLost(owner)
    await expect.poll(() => requests.reads, SOON).toBe(4)
    // It opens no stream before it has read the chat.
    expect(requests.streams).toBe(0)
    await owner.page.context().unrouteAll()
    await untilLive(owner.page)
    expect(owner.errors).toEqual([])
  })

  it('errors of a proxy end neither a chat nor a wait for approval', async () => {
    const server = await startServer()
    const wire = await openWire(server.port)
    onTestFinished(wire.close)
    const { browser, owner, guest, chat, link } = await startMeeting(wire.url)
    const waiting = await openWindow(browser)
    const code = await askToJoin(waiting, link, 'Ben')
    const all = [owner, guest, waiting]
    const answered = all.map(() => 0)
    await Promise.all(
      all.map(({ page }, index) =>
        page.route(/\/v1\/(chats|links)\/./, async (route) => {
          answered[index] = (answered[index] ?? 0) + 1
          await route.fulfill(PROXY_ERROR)
        })
      )
    )
    wire.cut()
    await expect.poll(() => Math.min(...answered), SOON).toBeGreaterThan(1)
    await Promise.all([untilLost(owner), untilLost(guest), waiting.page.getByText('No connection').waitFor()])
    await Promise.all(all.map(({ page }) => page.unrouteAll()))
    await Promise.all([untilLive(owner.page), untilLive(guest.page)])
    await approve(owner, code)
    await untilLive(waiting.page)
    expect(waiting.page.url()).toBe(chat)
    expect(all.flatMap(({ errors }) => errors)).toEqual([])
  })

  it('all tabs read the chat again after the log has lost its newest messages, with or without a stream', async () => {
    const first = await startServer()
    const wire = await openWire(first.port)
    onTestFinished(wire.close)
    const browser = await startChromium()
    const owner = await openWindow(browser)
    const guest = await openWindow(browser)
    const slots = await openTab(guest.page.context())
    await slots.page.goto(wire.url)
    await slots.page.evaluate(HOLD_ALL_SLOTS)
    const { chat } = await meet(owner, guest, wire.url)
    const second = await openTab(owner.page.context())
    await second.page.goto(chat)
    await untilLive(second.page)
    const all = [owner, second, guest]
    for (const text of ['kept', 'lost', 'lost, too']) await send(owner, text)
    await Promise.all(all.map((window) => expectTexts(window, ['kept', 'lost', 'lost, too'])))

    const store = await copyWith(first.store, ['Olga: kept'])
    const later = await startServer({ wrap: () => store })
    await wire.down()
    await first.close()
    await wire.up(later.port)
    await Promise.all(all.map((window) => expectTexts(window, ['kept'])))
    await Promise.all(all.map(({ page }) => untilLive(page)))
    await send(guest, 'go on')
    await Promise.all(all.map((window) => expectTexts(window, ['kept', 'go on'])))
    expect(all.flatMap(({ errors }) => errors)).toEqual([])
  })

  it('a slow network only delays messages', async () => {
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
    await page.goto(chat)
    await pasteKey(page, { chat, role: 'owner', userId: owner, name: 'Olga', link: null })
    await untilLive(page)
    expect(Date.now() - before).toBeLessThan(12_000)
    await send(window, 'sent')
    // Shown at once as unsent.
    expect(await unsent(window)).toEqual(['sent'])
    await expectUnsent(window, [])
    expect((await texts(window)).at(-1)).toBe('sent')
    await api.post(chat, owner, 'received')
    await expect.poll(async () => (await texts(window)).at(-1), SOON).toBe('received')
    expect(window.errors).toEqual([])
  })
})
