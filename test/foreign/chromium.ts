/** Chromium without a window. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { EVENT_NAMES, Follower, fired } from './follower.ts'

/** The same engine without the browser around it, which takes half the CPU. */
const SHELL = '/usr/bin/chromium-headless-shell'
const WHOLE = '/usr/bin/chromium'

/** To be closed by whoever has it. */
export function launchChromium(...more: string[]): Promise<Browser> {
  return launch(existsSync(SHELL) ? SHELL : WHOLE, more)
}

/** With what only the whole browser has, such as a permission for notifications that can still be asked for. */
export function launchWholeChromium(): Promise<Browser> {
  return launch(WHOLE, [])
}

function launch(executablePath: string, more: readonly string[]): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more
    ]
  })
}

/** Ends with the test. */
export async function startChromium(...more: string[]): Promise<Browser> {
  const browser = await launchChromium(...more)
  onTestFinished(() => browser.close())
  return browser
}

/** Follows with the browser's own EventSource, from a page at this address that allows it. */
export async function followInPage(browser: Browser, address: string, url: string): Promise<Follower> {
  const follower = new Follower()
  const page = await browser.newPage()
  await page.exposeFunction('tell', (event: unknown) => follower.tell(fired.parse(event)))
  await page.goto(address)
  await page.evaluate(`{
    const source = new EventSource(${JSON.stringify(url)})
    for (const type of ${JSON.stringify(['open', 'error', ...EVENT_NAMES])}) {
      source.addEventListener(type, ({ data, lastEventId: id }) => tell({ type, id, data, readyState: source.readyState }))
    }
  }`)
  return follower
}
