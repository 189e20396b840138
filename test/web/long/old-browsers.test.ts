/** In old browsers the page works without newer APIs, or says which browser it needs. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../foreign/chromium.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { expectTexts, invite, meet, openTab, openWindow, send, untilLive, type Window } from '../window.ts'

/** APIs that Safari 15.4 to 17.3, Firefox 98 to 115, Chrome 99 to 109 or insecure contexts lack. */
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

/** APIs without which the page cannot work. */
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

/** A script that deletes these APIs, if they exist. */
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

describe('the built page', () => {
  it('uses no API and no syntax that is too new', () => {
    const script = built('.js')
    const members = NEWER.flatMap((name) => /\.(\w+)$/.exec(name)?.[1] ?? [])
    // Other objects have members with these names, too, or the page checks that they exist.
    const known = ['any', 'clipboard', 'dispose', 'locks', 'parse', 'share', 'storage', 'try', 'values', 'with']
    const used = members.filter((name) => !known.includes(name) && new RegExp(`\\.${name}\\b`).test(script))
    expect(used).toEqual([])
    expect(
      script.match(/AbortSignal\.(any|timeout)|URL\.parse|Promise\.try|static ?\{|\(\?<[=!]|searchParams\.size/g)
    ).toBeNull()
    expect(script.length).toBeGreaterThan(50_000)
  })

  it('uses no style that is too new', () => {
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

  it('without newer APIs can do everything, in all its tabs', async () => {
    const server = await startServer()
    const [owner, guest] = [await openWithout(NEWER), await openWithout(NEWER)]
    const { chat } = await meet(owner, guest, server.url)
    await send(guest, 'hello https://example.org/')
    await send(owner, 'half a \ud83d sign')
    await Promise.all(
      [owner, guest].map((window) => expectTexts(window, ['hello https://example.org/', 'half a \ufffd sign']))
    )
    expect(await owner.page.getByRole('link', { name: 'https://example.org/' }).count()).toBe(1)
    const other = await openTab(owner.page.context())
    await other.page.goto(chat)
    await untilLive(other.page)
    await invite(owner)
    await owner.page.getByRole('button', { name: 'People' }).click()
    await owner.page
      .getByRole('button', { name: /^Revoke/ })
      .first()
      .click()
    await owner.page.getByRole('button', { name: 'Remove' }).click()
    await guest.page.getByRole('heading', { name: "You're no longer in this chat" }).waitFor()
    expect([owner, guest, other].map(({ errors }) => errors)).toEqual([[], [], []])
  })

  it.each(NEEDED)('without %s shows which browser is needed', async (name) => {
    const server = await startServer()
    const { page } = await openWithout([name])
    await page.goto(server.url)
    await page.getByText('use another browser: Chrome 99').waitFor()
    expect(await page.locator('form').count()).toBe(0)
    await page.context().close()
  })

  it.each([
    ['cannot parse the script', { body: 'class { #is in newer }', contentType: 'text/javascript' }],
    ['cannot load the script', { status: 404 }]
  ])('that %s shows after a while which browser is needed', async (_what, answer) => {
    const server = await startServer()
    const { page } = await openWindow(browser)
    await page.route(/index-.*\.js$/, (route) => route.fulfill(answer))
    await page.goto(server.url)
    await page.getByText('use another browser: Chrome 99').waitFor()
  })

  it('without JavaScript shows that it is needed', async () => {
    const server = await startServer()
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(server.url)
    await page.getByText('please switch on JavaScript').waitFor()
    await context.close()
  })
})
