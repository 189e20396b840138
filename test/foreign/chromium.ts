/** Headless Chromium. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { EVENT_NAMES, Follower, fired } from './follower.ts'

/** The same engine without the user interface, which needs half the CPU. */
const SHELL = '/usr/bin/chromium-headless-shell'
const WHOLE = '/usr/bin/chromium'

/** The caller must close it. */
export function launchChromium(...more: string[]): Promise<Browser> {
  return launch(existsSync(SHELL) ? SHELL : WHOLE, more)
}

/** Starts the full browser, which the headless shell cannot replace for permission prompts. */
export function launchWholeChromium(): Promise<Browser> {
  return launch(WHOLE, [])
}

/** The full browser with its profile in this folder, which outlives it. The caller must close it. */
export function launchProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { executablePath: WHOLE, args: ARGUMENTS })
}

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

function launch(executablePath: string, more: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath, args: [...ARGUMENTS, ...more] })
}

/** Closed at the end of the test. */
export async function startChromium(...more: string[]): Promise<Browser> {
  const browser = await launchChromium(...more)
  onTestFinished(() => browser.close())
  return browser
}

/** Follows a stream with the browser's EventSource, on a page at this address, whose policy must allow it. */
export async function followInPage(browser: Browser, address: string, url: string): Promise<Follower> {
  const follower = new Follower()
  const page = await browser.newPage()
  await page.exposeFunction('receive', (event: unknown) => follower.receive(fired.parse(event)))
  await page.goto(address)
  await page.evaluate(`{
    const source = new EventSource(${JSON.stringify(url)})
    for (const type of ${JSON.stringify(['open', 'error', ...EVENT_NAMES])}) {
      source.addEventListener(type, ({ data, lastEventId: id }) => receive({ type, id, data, readyState: source.readyState }))
    }
  }`)
  return follower
}
