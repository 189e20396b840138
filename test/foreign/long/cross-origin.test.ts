/** A page of another origin that uses the built client in a browser. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createChat } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { openWindow } from '../../web/window.ts'
import { startChromium } from '../chromium.ts'
import { startSite } from '../site.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const PAGE = `<!doctype html><title>elsewhere</title>
<script type="importmap">{ "imports": { "eventsource-parser": "/node_modules/eventsource-parser/dist/index.js" } }</script>`

/** A site with an empty page, the built client and its dependency. */
function anotherSite(): Promise<string> {
  return startSite(async ({ url = '/' }, response) => {
    const isScript = /^\/(dist\/client|node_modules\/eventsource-parser\/dist)\/[\w-]+\.js$/.test(url)
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? await readFile(`${ROOT}${url}`) : PAGE)
  })
}

/** Uses fetch and its streams, then EventSource, and reads a refusal. */
const flow = (server: string) => `(async () => {
  const { createChat, knock } = await import('/dist/client/index.js')
  const chat = await createChat(${JSON.stringify(server)})
  const { link } = await chat.invite()
  const guest = await knock(link, { name: 'Ana' })
  const received = []
  for await (const { event, data } of chat.events()) {
    if (event === 'join_request') await chat.approve(link, data.request_id)
    if (event === 'join_approved') await (await guest.waitUntilAdmitted()).post('Ana: hello')
    received.push(event)
    if (event === 'message') break
  }
  const source = new EventSource(chat.url + '/events?last_event_id=0&user_id=' + chat.userId)
  const text = await new Promise((resolve) => source.addEventListener('message', ({ data }) => resolve(JSON.parse(data).text)))
  source.close()
  const created = await fetch(${JSON.stringify(server)} + '/v1/chats', { method: 'POST' })
  const refused = await fetch(chat.url)
  const { type } = await refused.json()
  await chat.close()
  return [received.join(), text, created.headers.has('location'), refused.headers.get('www-authenticate'), type]
})()`

describe.skipIf(!haveAll('chromium'))('a page of another origin', () => {
  it.each(['any', 'one of a list'])(
    'creates, invites, knocks, approves, posts, follows and reads refusals, allowed as %s',
    async (which) => {
      const site = await anotherSite()
      const server = await startServer(which === 'any' ? {} : { env: { CORS_ORIGIN: `https://other.example,${site}` } })
      const { page, errors } = await openWindow(await startChromium())
      await page.goto(site)
      expect(await page.evaluate(flow(server.url))).toEqual([
        'join_request,ready,join_approved,message',
        'Ana: hello',
        true,
        'Bearer',
        'urn:silly-chat:user-id-required'
      ])
      expect(errors).toEqual([])
    },
    30_000
  )

  it('that is not in the list can read nothing', async () => {
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
