/** Browsers of some years ago: the page does without what they lack, or says which browser it needs. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { invite, isLive, meet, openTab, openWindow, say, shows, type Window } from '../window.ts'

/** What Safari 15.4 to 17.3, Firefox 98 to 115 or Chrome 99 to 109 lack, or what is missing on a page by plain http. */
const NEWER = [
  'AbortSignal.any',
  'AbortSignal.timeout',
  'Array.fromAsync',
  'Array.prototype.findLast',
  'Array.prototype.findLastIndex',
  'Array.prototype.toReversed',
  'Array.prototype.toSorted',
  'Array.prototype.toSpliced',
  'Array.prototype.with',
  'BroadcastChannel',
  'Element.prototype.checkVisibility',
  'Element.prototype.setHTML',
  'HTMLElement.prototype.showPopover',
  'Iterator',
  'Map.groupBy',
  'Navigator.prototype.clipboard',
  'Navigator.prototype.locks',
  'Navigator.prototype.share',
  'Navigator.prototype.storage',
  'Notification',
  'Object.groupBy',
  'PerformanceNavigationTiming',
  'Promise.try',
  'Promise.withResolvers',
  'ReadableStream.prototype.values',
  'RegExp.escape',
  'Response.json',
  'Set.prototype.union',
  'String.prototype.isWellFormed',
  'String.prototype.toWellFormed',
  'Symbol.dispose',
  'TextDecoderStream',
  'URL.canParse',
  'URL.parse',
  'Uint8Array.fromBase64',
  'Uint8Array.prototype.toHex',
  'WeakRef',
  'crypto.randomUUID',
  'requestIdleCallback',
  'scheduler',
  'structuredClone'
]

/** What the page cannot do without. */
const NEEDED = [
  'AbortSignal',
  'AbortSignal.prototype.reason',
  'AbortSignal.prototype.throwIfAborted',
  'Array.prototype.at',
  'Element.prototype.replaceChildren',
  'HTMLDialogElement',
  'HTMLDialogElement.prototype.showModal',
  'HTMLScriptElement.prototype.noModule',
  'ReadableStream',
  'ResizeObserver',
  'String.prototype.replaceAll',
  'TextDecoder',
  'fetch',
  'queueMicrotask',
  'reportError'
]

/** A script that takes these away from a page. What is not there is no matter. */
function without(names: readonly string[]): string {
  return names
    .map((name) => {
      const at = name.lastIndexOf('.')
      return `try { delete ${at < 0 ? 'window' : name.slice(0, at)}[${JSON.stringify(name.slice(at + 1))}] } catch {}`
    })
    .join('\n')
}

const ASSETS = new URL('../../../dist/web/assets/', import.meta.url)

function built(extension: string): string {
  const names = readdirSync(ASSETS).filter((name) => name.endsWith(extension))
  return names.map((name) => readFileSync(new URL(name, ASSETS), 'utf8')).join('\n')
}

describe('what is built', () => {
  it('names no interface that is too new, and no syntax', () => {
    const script = built('.js')
    const members = NEWER.flatMap((name) => /\.(\w+)$/.exec(name)?.[1] ?? [])
    // These are the names of other things as well, or are looked at before they are used.
    const known = ['any', 'clipboard', 'dispose', 'locks', 'parse', 'share', 'storage', 'try', 'values', 'with']
    const used = members.filter((name) => !known.includes(name) && new RegExp(`\\.${name}\\b`).test(script))
    expect(used).toEqual([])
    expect(
      script.match(/AbortSignal\.(any|timeout)|URL\.parse|Promise\.try|static ?\{|\(\?<[=!]|searchParams\.size/g)
    ).toBeNull()
    expect(script.length).toBeGreaterThan(50_000)
  })

  it('has no style without which the page cannot be used in them', () => {
    const style = built('.css')
    expect(style.match(/:has\(|\(width|&|color-mix|light-dark|@scope|@container|@starting-style|lch\(/g)).toBeNull()
    expect(style.length).toBeGreaterThan(5000)
  })
})

describe.skipIf(!haveAll('chromium'))('a browser', { timeout: 240_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  async function openWithout(names: readonly string[]): Promise<Window> {
    const window = await openWindow(browser)
    await window.page.context().addInitScript(without(names))
    return window
  }

  it('without what is newer than the page needs has the whole of it, in all its tabs', async () => {
    const server = await startServer()
    const [owner, guest] = [await openWithout(NEWER), await openWithout(NEWER)]
    const { chat } = await meet(owner, guest, server.url)
    await say(guest, 'hello https://example.org/')
    await say(owner, 'half a \ud83d sign')
    await Promise.all(
      [owner, guest].map((window) => shows(window, ['hello https://example.org/', 'half a \ufffd sign']))
    )
    expect(await owner.page.getByRole('link', { name: 'https://example.org/' }).count()).toBe(1)
    const other = await openTab(owner.page.context())
    await other.page.goto(chat)
    await isLive(other.page)
    await invite(owner)
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page
      .getByRole('button', { name: /^Revoke/ })
      .first()
      .click()
    await owner.page.getByRole('button', { name: 'Remove' }).click()
    await guest.page.getByRole('heading', { name: 'You are no longer in this chat' }).waitFor()
    expect([owner, guest, other].map(({ complaints }) => complaints)).toEqual([[], [], []])
  })

  it.each(NEEDED)('without %s says which browser is needed, and begins nothing', async (name) => {
    const server = await startServer()
    const { page } = await openWithout([name])
    await page.goto(server.url)
    await page.getByText('a browser not older than Chrome 99').waitFor()
    expect(await page.locator('form').count()).toBe(0)
    await page.context().close()
  })

  it.each([
    ['cannot read the script', { body: 'class { #is in newer }', contentType: 'text/javascript' }],
    ['is not given the script', { status: 404 }]
  ])('that %s says which browser is needed, after a while', async (_what, answer) => {
    const server = await startServer()
    const { page } = await openWindow(browser)
    await page.route(/index-.*\.js$/, (route) => route.fulfill(answer))
    await page.goto(server.url)
    await page.getByText('a browser not older than Chrome 99').waitFor()
  })

  it('without JavaScript says that it is needed', async () => {
    const server = await startServer()
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(server.url)
    await page.getByText('it needs JavaScript').waitFor()
    await context.close()
  })
})
