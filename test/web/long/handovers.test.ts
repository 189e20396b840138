/** A key that is used on another device: what the page does, and what is left in the browsers afterwards. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium, launchProfile } from '../../foreign/chromium.ts'
import { call, createChat, createHandover, idIn } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import {
  carry,
  expectTexts,
  meet,
  openTab,
  openWindow,
  pasteKey,
  send,
  startChat,
  untilHeading,
  untilLive,
  type Window
} from '../window.ts'

const ASKS = 'Use this chat here?'
const GONE = 'This link no longer works'
const NOBODY = '406a3207-a070-4411-b9b6-8527c0c19c7e'

function storedKeys({ page }: Window): Promise<[string, Record<string, unknown>][]> {
  return page.evaluate(
    'Object.entries(localStorage).filter(([name]) => /^silly-chat:chat:/.test(name)).map(([name, text]) => [name, JSON.parse(text)])'
  )
}

async function userIdOf(window: Window): Promise<string> {
  return `${(await storedKeys(window))[0]?.[1]['userId']}`
}

const useIt = (page: Page) => page.getByRole('button', { name: 'Use it here' }).click()

/** The files under a folder that contain one of these texts, in UTF-8 or UTF-16. */
function filesWith(folder: string, ...texts: string[]): string[] {
  const forms = texts.flatMap((text) => [Buffer.from(text), Buffer.from(text, 'utf16le')])
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(folder, name)
    if (!statSync(path).isFile()) return false
    const bytes = readFileSync(path)
    return forms.some((form) => bytes.includes(form))
  })
}

function aProfile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'silly-profile-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe.skipIf(!haveAll('chromium'))('a handover on the page', { timeout: 120_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  it('leaves no user id in the histories of both devices, and nothing there opens anything', async () => {
    const server = await startServer()
    const [from, to] = [aProfile(), aProfile()]
    const giving = await launchProfile(from)
    const owner = await openTab(giving)
    const chat = await startChat(owner, server.url, 'Olga')
    const userId = await userIdOf(owner)
    const address = await carry(owner)
    const key = new URL(address).hash.slice(1)
    expect(address).toBe(`${server.url}/v1/handovers/${idIn(address)}#${key}`)
    expect(address).not.toContain(idIn(chat))
    await giving.close()

    const receiving = await launchProfile(to)
    const phone = await openTab(receiving)
    await phone.page.goto(address)
    await useIt(phone.page)
    await untilLive(phone.page)
    expect(await userIdOf(phone)).toBe(userId)
    await receiving.close()

    for (const folder of [from, to]) {
      // The history has been written.
      expect(filesWith(folder, new URL(chat).pathname).map((name) => name.split('/').at(-1))).toContain('History')
      const kept = filesWith(folder, userId)
      expect(kept).not.toEqual([])
      expect(kept.filter((name) => !name.includes('Local Storage/'))).toEqual([])
    }
    expect(filesWith(from, key)).toEqual([])
    // A browser records an address before the page can remove anything from it. By then the key opens nothing.
    expect((await call(`POST ${address}`)).status).toBe(404)
  })

  it('is taken after a click, with nothing secret in an address from then on, and only once', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    const chat = await startChat(owner, server.url, 'Olga')
    await send(owner, 'from the desk')
    const address = await carry(owner)
    const bare = address.replace(/#.*$/, '')

    const phone = await openWindow(browser, { width: 360 })
    const sent: { url: string; referer: string; at: string }[] = []
    phone.page.on('request', (request) => {
      if (request.method() === 'POST')
        sent.push({ url: request.url(), referer: request.headers()['referer'] ?? '', at: phone.page.url() })
    })
    await phone.page.goto(server.url)
    await phone.page.goto(address)
    await untilHeading(phone, ASKS)
    await phone.page.reload()
    await untilHeading(phone, ASKS)
    expect([sent, await storedKeys(phone)]).toEqual([[], []])
    await useIt(phone.page)
    await untilLive(phone.page)
    expect(sent).toEqual([{ url: bare, referer: '', at: bare }])
    expect([phone.page.url(), await phone.page.evaluate('history.length')]).toEqual([chat, 3])
    await expectTexts(phone, ['from the desk'])
    await phone.page.getByRole('button', { name: 'People' }).waitFor()
    await phone.page.goBack()
    await untilHeading(phone, 'Silly Chat')
    await phone.page.goForward()
    await untilLive(phone.page)

    const other = await openWindow(browser)
    await other.page.goto(address)
    await useIt(other.page)
    await untilHeading(other, GONE)
    await other.page.getByText('someone else used it and can now read and write as you').waitFor()
    expect([other.page.url(), await storedKeys(other)]).toEqual([bare, []])
    expect([owner.errors, phone.errors, other.errors]).toEqual([[], [], []])
  })

  it('takes nothing without a click, and after ten minutes says that the time is over', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    await startChat(owner, server.url, 'Olga')
    const address = await carry(owner)
    const phone = await openWindow(browser)
    await phone.page.goto(address)
    await phone.page.getByRole('button', { name: 'Cancel' }).click()
    await untilHeading(phone, 'Silly Chat')
    expect([phone.page.url(), await storedKeys(phone)]).toEqual([`${server.url}/`, []])
    server.clock.now += 600_000
    await phone.page.goto(address)
    await useIt(phone.page)
    await untilHeading(phone, GONE)
    await phone.page.getByText('or it has expired').waitFor()
  })

  it('can be tried again if the server was away, and if a link without its key was open in the tab', async () => {
    const server = await startServer()
    const owner = await openWindow(browser)
    await startChat(owner, server.url, 'Olga')
    const address = await carry(owner)
    const phone = await openWindow(browser)
    await phone.page.goto(address.replace(/#.*$/, ''))
    await untilHeading(phone, "This link isn't complete")
    // Only the fragment changes.
    await phone.page.goto(`${address}.`)
    await untilHeading(phone, ASKS)
    const away = await phone.page.route('**/v1/handovers/*', (route) => route.abort())
    await useIt(phone.page)
    await phone.page.getByText("Can't reach the server").waitFor()
    await away.dispose()
    await useIt(phone.page)
    await untilLive(phone.page)
  })

  it('whose key does not fit, or that is no keyring, stores nothing and says so', async () => {
    const server = await startServer()
    const { page } = await openWindow(browser)
    for (const sealed of ['c2VhbGVk', 'x'.repeat(600)]) {
      await page.goto('about:blank')
      await page.goto(`${await createHandover(server, sealed)}#${'A'.repeat(43)}`)
      await useIt(page)
      await page.getByText('The key in this link is wrong.').waitFor()
    }
    expect(await page.evaluate('Object.keys(localStorage).filter((name) => /chat:chat/.test(name))')).toEqual([])
  })

  it('allows a guest to leave the chat', async () => {
    const server = await startServer()
    const [owner, guest, phone] = [await openWindow(browser), await openWindow(browser), await openWindow(browser)]
    await meet(owner, guest, server.url)
    await phone.page.goto(await carry(guest))
    await useIt(phone.page)
    await untilLive(phone.page)
    expect((await storedKeys(phone))[0]?.[1]).toMatchObject({ name: 'Ana' })
    await phone.page.getByRole('button', { name: 'More' }).click()
    await phone.page.getByRole('button', { name: 'Leave this chat…' }).click()
    await phone.page.getByRole('button', { name: 'Leave', exact: true }).click()
    await phone.page.waitForURL(`${server.url}/`)
    await untilHeading(guest, 'You left this chat')
  })

  it('never replaces a key of the owner by that of a guest, and keeps both', async () => {
    const server = await startServer()
    const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
    await meet(owner, guest, server.url)
    const [ownerId, guestId] = [await userIdOf(owner), await userIdOf(guest)]
    await owner.page.goto(await carry(guest))
    await useIt(owner.page)
    await untilHeading(owner, "You're already in this chat here")
    await owner.page.getByText("Here you're still Olga.").waitFor()
    await owner.page.getByRole('link', { name: 'Continue' }).click()
    await owner.page.getByRole('button', { name: 'People' }).waitFor()
    expect((await storedKeys(owner))[0]?.[1]).toMatchObject({
      userId: ownerId,
      spare: [{ userId: guestId, name: 'Ana' }]
    })

    // The other way round the owner's key is used.
    await untilLive(owner.page)
    await guest.page.goto(await carry(owner))
    await useIt(guest.page)
    await guest.page.getByRole('button', { name: 'People' }).waitFor()
    expect((await storedKeys(guest))[0]?.[1]).toMatchObject({
      userId: ownerId,
      spare: [{ userId: guestId, name: 'Ana' }]
    })
  })

  it('goes on with the key that it had if one that seemed better gives no access', async () => {
    const server = await startServer()
    const [owner, guest] = [await openWindow(browser), await openWindow(browser)]
    const { chat } = await meet(owner, guest, server.url)
    const guestId = await userIdOf(guest)
    await guest.page.goto(server.url)
    await pasteKey(guest.page, { chat, role: 'owner', userId: NOBODY, name: 'Mallory', link: null })
    await untilLive(guest.page)
    expect((await storedKeys(guest))[0]?.[1]).toMatchObject({
      userId: guestId,
      name: 'Ana',
      spare: [{ userId: NOBODY, hasEnded: true }]
    })
  })

  it('is a copy by hand where the browser has no WebCrypto, to be pasted on the other device', async () => {
    const server = await startServer()
    const [owner, phone] = [await openWindow(browser), await openWindow(browser)]
    for (const { page } of [owner, phone]) {
      await page.addInitScript("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    }
    const chat = await startChat(owner, server.url, 'Olga')
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page.getByRole('button', { name: 'Use on another device' }).click()
    await owner.page.getByText('over plain http').waitFor()
    const copied = await owner.page.locator('.address').innerText()
    await phone.page.goto(chat)
    await untilHeading(phone, "You're not in this chat on this browser")
    await phone.page.getByText('I have a key from another device').click()
    for (const [text, sentence] of [
      ['hello', "This isn't a Silly Chat key."],
      [copied.replace('"silly_chat_keyring":1', '"silly_chat_keyring":2'), 'made by a newer version'],
      [copied.replace(server.url, 'https://chat.example'), 'This key belongs to https://chat.example.']
    ] as const) {
      await phone.page.getByLabel('Your key').fill(text)
      await useIt(phone.page)
      await phone.page.getByText(sentence).waitFor()
    }
    expect(await storedKeys(phone)).toEqual([])
    await phone.page.getByLabel('Your key').fill(` ${copied}\n`)
    await useIt(phone.page)
    await untilLive(phone.page)
    expect(await userIdOf(phone)).toBe(await userIdOf(owner))

    const handover = await createHandover(server)
    await phone.page.goto(`${handover}#${'A'.repeat(43)}`)
    await untilHeading(phone, "This link can't be opened here")
    expect((await call(`POST ${handover}`)).status).toBe(200)
    expect([owner.errors, phone.errors]).toEqual([[], []])
  })

  it('the addresses of earlier versions hand nothing over, and their fragment is removed', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const phone = await openWindow(browser)
    await phone.page.goto(`${chat}#carry=${encodeURIComponent(JSON.stringify([owner, 'Olga']))}`)
    await untilHeading(phone, "You're not in this chat on this browser")
    expect([phone.page.url(), await storedKeys(phone)]).toEqual([chat, []])
  })
})
