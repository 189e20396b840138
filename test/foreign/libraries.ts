/** A page of another origin with the two libraries that pages use instead of EventSource, from npm. */
import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'
import { build, type Plugin } from 'vite'
import { EVENT_NAMES, Follower, fired } from './follower.ts'
import { startSite } from './site.ts'

const ENTRY = 'virtual:libraries'
const { resolve } = createRequire(import.meta.url)

const entry: Plugin = {
  name: ENTRY,
  resolveId: (source) => (source === ENTRY ? ENTRY : null),
  load: (id) =>
    id === ENTRY
      ? `export { fetchEventSource } from ${JSON.stringify(resolve('@microsoft/fetch-event-source'))}
         export { EventSourcePolyfill } from ${JSON.stringify(resolve('event-source-polyfill'))}`
      : null
}

async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    plugins: [entry],
    build: {
      write: false,
      minify: false,
      modulePreload: false,
      rolldownOptions: { input: ENTRY, preserveEntrySignatures: 'strict' }
    }
  })
  if (!('output' in built)) throw new Error('vite has built nothing')
  return built.output[0].code
}

function startPage(script: string): Promise<string> {
  return startSite(({ url }, response) => {
    response.setHeader('content-type', url === '/libraries.js' ? 'text/javascript' : 'text/html')
    response.end(url === '/libraries.js' ? script : '<!doctype html><title>elsewhere</title>')
  })
}

/** How each library is used, according to its documentation. `receive` accepts what `fired` describes. */
const PROGRAMS = {
  'fetch-event-source': (url: string, user: string) => `{
    libraries.fetchEventSource(${JSON.stringify(url)}, {
      headers: { Authorization: ${JSON.stringify(`Bearer ${user}`)} },
      openWhenHidden: true,
      onopen: async () => receive({ type: 'open', readyState: 1 }),
      // The library also reports blocks without data.
      onmessage: ({ event, id, data }) => event !== '' && receive({ type: event, id, data, readyState: 1 }),
      onerror: () => { receive({ type: 'error', readyState: 0 }) },
      onclose: () => receive({ type: 'end', readyState: 2 })
    })
  }`,
  'event-source-polyfill': (url: string, user: string) => `{
    const source = new libraries.EventSourcePolyfill(${JSON.stringify(url)}, {
      headers: { Authorization: ${JSON.stringify(`Bearer ${user}`)} }
    })
    for (const type of ${JSON.stringify(['open', 'error', ...EVENT_NAMES])}) {
      source.addEventListener(type, ({ data, lastEventId: id }) => receive({ type, id, data, readyState: source.readyState }))
    }
  }`
}

export type Library = keyof typeof PROGRAMS

export async function followWith(library: Library, browser: Browser, url: string, user: string): Promise<Follower> {
  const follower = new Follower()
  const page = await browser.newPage()
  await page.exposeFunction('receive', (event: unknown) => follower.receive(fired.parse(event)))
  await page.goto(await startPage(await bundle()))
  const program = PROGRAMS[library](url, user)
  await page.evaluate(`import('/libraries.js').then((libraries) => ${program})`)
  return follower
}
