/** A page of another origin, with the client as it is built: everything that people do, in a browser. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listenOn } from '../../kit/wire.ts'
import { createChat } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { openWindow } from '../../web/window.ts'
import { startChromium } from '../chromium.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const PAGE = `<!doctype html><title>elsewhere</title>
<script type="importmap">{ "imports": { "eventsource-parser": "/node_modules/eventsource-parser/dist/index.js" } }</script>`

/** A site that has one empty page, the built client and what that imports. */
async function anotherSite(): Promise<string> {
  const site = createServer(async ({ url = '/' }, response) => {
    const isScript = /^\/(dist\/client|node_modules\/eventsource-parser\/dist)\/[\w-]+\.js$/.test(url)
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? await readFile(`${ROOT}${url}`) : PAGE)
  })
  const port = await listenOn(site, 0)
  onTestFinished(() => void site.close())
  onTestFinished(() => site.closeAllConnections())
  return `http://localhost:${port}`
}

/** With fetch and its streams, then with EventSource; and what a refusal says. */
const flow = (server: string) => `(async () => {
  const { createChat, knock } = await import('/dist/client/index.js')
  const chat = await createChat(${JSON.stringify(server)})
  const { link } = await chat.invite()
  const guest = await knock(link, { name: 'Ana' })
  const told = []
  for await (const { event, data } of chat.events()) {
    if (event === 'join_request') await chat.approve(link, data.request_id)
    if (event === 'join_approved') await (await guest.waitUntilAdmitted()).post('Ana: hello')
    told.push(event)
    if (event === 'message') break
  }
  const source = new EventSource(chat.url + '/events?last_event_id=0&user_id=' + chat.userId)
  const text = await new Promise((resolve) => source.addEventListener('message', ({ data }) => resolve(JSON.parse(data).text)))
  source.close()
  const created = await fetch(${JSON.stringify(server)} + '/v1/chats', { method: 'POST' })
  const refused = await fetch(chat.url)
  const { type } = await refused.json()
  await chat.close()
  return [told.join(), text, created.headers.has('location'), refused.headers.get('www-authenticate'), type]
})()`

describe.skipIf(!haveAll('chromium'))('a page of another origin', () => {
  it.each(['any', 'one of a list'])(
    'creates, invites, knocks, approves, posts, follows and reads refusals, as %s',
    async (which) => {
      const site = await anotherSite()
      const server = await startServer(which === 'any' ? {} : { env: { CORS_ORIGIN: `https://other.example,${site}` } })
      const { page, complaints } = await openWindow(await startChromium())
      await page.goto(site)
      expect(await page.evaluate(flow(server.url))).toEqual([
        'join_request,ready,join_approved,message',
        'Ana: hello',
        true,
        'Bearer',
        'urn:silly-chat:user-id-required'
      ])
      expect(complaints).toEqual([])
    },
    30_000
  )

  it('that is not in the list gets nothing out of it', async () => {
    const server = await startServer({ env: { CORS_ORIGIN: 'https://other.example' } })
    const { page } = await openWindow(await startChromium())
    await page.goto(await anotherSite())
    await expect(page.evaluate(flow(server.url))).rejects.toThrow('No answer arrived from the server')
    const { chat, owner } = await createChat(server)
    const opened = await page.evaluate(`new Promise((resolve) => {
      const source = new EventSource(${JSON.stringify(`${chat}/events?user_id=${owner}`)})
      source.onopen = () => resolve('open')
      source.onerror = () => resolve(source.readyState)
    })`)
    expect(opened).toBe(2)
  }, 30_000)
})
