import { describe, expect, it } from 'vitest'
import { problemOfName } from '../../../src/wire/names.ts'
import { exchange, link as linkSchema } from '../../../src/wire/schemas/links.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  idIn,
  knock,
  problemOf,
  refusal,
  STRANGER
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

const CHROME =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7'

async function countRequests(chat: string, owner: string): Promise<number> {
  const answer = await call(`${chat}/join-requests`, { user: owner })
  return JSON.parse(await answer.text()).join_requests.length
}

describe('POST /v1/links', () => {
  it('creates a link for everybody who knows the chat', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    for (const user of [undefined, owner, STRANGER]) {
      const answer = await call(`${server.url}/v1/links`, { user, json: { chat } })
      expect(answer.status).toBe(201)
      const body = linkSchema.parse(await answer.json())
      expect(body).toEqual({ link: body.link, chat, expires_at: null, max_guests: null })
      expect(body.link).toMatch(new RegExp(`^${server.url}/v1/links/[A-Za-z0-9_-]{22,}$`))
      expect(answer.headers.get('location')).toBe(body.link)
    }
  })

  it('accepts the chat URL with any host, query and slash', async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const elsewhere = `${chat.replace(server.url, 'https://chat.example.org/path')}/?utm_source=mail#top`
    const answer = await call(`${server.url}/v1/links`, { json: { chat: elsewhere, title: 'ignored' } })
    expect(answer.status).toBe(201)
    expect(await answer.json()).toMatchObject({ chat })
  })

  it('refuses other URLs, an unknown chat and a malformed user id', async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const link = await createLink(chat)
    for (const wrong of ['nonsense', link, `${chat}/events`, new URL(chat).pathname, 7, null, undefined, [chat]]) {
      const problem = await problemOf(await call(`${server.url}/v1/links`, { json: { chat: wrong } }))
      expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path: 'chat' }] })
    }
    const unknown = `${server.url}/v1/chats/${'a'.repeat(36)}`
    expect(await refusal(await call(`${server.url}/v1/links`, { json: { chat: unknown } }))).toEqual([
      404,
      'chat-not-found'
    ])
    for (const user_id of ['', 'x', 7, null]) {
      const answer = await call(`${server.url}/v1/links`, { json: { chat, user_id } })
      expect(await refusal(answer)).toEqual([401, 'user-id-required'])
    }
  })

  it('is 409 for more than 20 links of others, or 100 of the owner', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const make = async (user?: string) => (await call(`${server.url}/v1/links`, { user, json: { chat } })).status
    const others = await Promise.all(Array.from({ length: 22 }, () => make()))
    expect(others.filter((status) => status === 201)).toHaveLength(20)
    expect(others.filter((status) => status === 409)).toHaveLength(2)
    const own = await Promise.all(Array.from({ length: 82 }, () => make(owner)))
    expect(own.filter((status) => status === 201)).toHaveLength(80)
    expect(await refusal(await call(`${server.url}/v1/links`, { user: owner, json: { chat } }))).toEqual([
      409,
      'too-many-links'
    ])
  })
})

describe('GET /v1/links/:link as a newcomer', () => {
  it('records a request, answers 202 with a new client id, and the owner sees the request', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const answer = await call(`${link}?name=Ana&utm_source=mail`)
    expect(answer.status).toBe(202)
    expect(answer.headers.get('vary')).toBe('Accept')
    const body = exchange.parse(await answer.json())
    expect(body).toEqual({
      link,
      request_sent_status: true,
      approval_status: false,
      state: 'pending',
      chat: null,
      client_id: body.client_id,
      request_id: body.request_id,
      title: null,
      owner_present: false,
      events: `${link}/events`,
      message: body.message
    })
    expect(body.client_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    expect(body.request_id).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
    expect(await countRequests(chat, owner)).toBe(1)
  })

  it('gives a different client id each time', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guests = [await knock(link), await knock(`${link}/`)]
    expect(new Set(guests.flatMap(({ client, requestId }) => [client, requestId])).size).toBe(4)
    expect(await countRequests(chat, owner)).toBe(2)
  })

  it.each([
    ['Ana', 'Ana'],
    ['  Ana  ', 'Ana'],
    ['Ana\n', 'Ana'],
    ['', null],
    ['   ', null],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['Żółć 👋', 'Żółć 👋'],
    ['بحث', 'بحث'],
    ['<img onerror>', '<img onerror>']
  ])('is called %j by the name of %j', async (name, shown) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    await knock(await createLink(chat, owner), name)
    const answer = await call(`${chat}/join-requests`, { user: owner })
    expect(await answer.json()).toMatchObject({ join_requests: [{ name: shown }] })
  })

  it.each([
    'x'.repeat(65),
    '👋'.repeat(33),
    'A\u0000na',
    'A\nna',
    'A\u001bna',
    'A\u0085na',
    '\u202eAna',
    'A\u2066na',
    'A\u2029na',
    '\u200b',
    '\u3164',
    'Ana\u200b',
    `Z${'\u0301'.repeat(5)}`
  ])('may not be called %j, and has not knocked', async (name) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const problem = await problemOf(await call(`${link}?name=${encodeURIComponent(name)}`))
    const errors = [{ path: 'name', message: problemOfName(name) }]
    expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors })
    expect(await countRequests(chat, owner)).toBe(0)
  })

  it('refuses two names', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const problem = await problemOf(await call(`${await createLink(chat, owner)}?name=Ana&name=Ben`))
    expect(problem).toMatchObject({ status: 400, errors: [{ path: 'name' }] })
  })

  it('is 429 if a hundred guests are pending', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const statuses = await Promise.all(Array.from({ length: 102 }, async () => (await call(link)).status))
    expect(statuses.filter((status) => status === 202)).toHaveLength(100)
    expect(await refusal(await call(link))).toEqual([429, 'too-many-waiting'])
    expect(await countRequests(chat, owner)).toBe(100)
    expect((await call(await createLink(chat, owner))).status).toBe(202)
  })

  it("is 404 for every id that is not a link's", async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const id = idIn(chat)
    for (const opaque of ['x', id, 'a'.repeat(36), 'a'.repeat(3000), '%00']) {
      expect(await refusal(await call(`${server.url}/v1/links/${opaque}`))).toEqual([404, 'link-not-found'])
    }
  })
})

describe('GET /v1/links/:link with a user id', () => {
  it('gives a guest the state of their request and never records a second one', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const { client, requestId } = await knock(link)
    for (const again of [await call(link, { user: client }), await call(`${link}?user_id=${client}&name=Ben`)]) {
      expect(again.status).toBe(202)
      expect(await again.json()).toMatchObject({
        state: 'pending',
        client_id: client,
        request_id: requestId,
        chat: null
      })
    }
    await approve(link, owner)
    const answer = await call(link, { user: client.toUpperCase() })
    expect(answer.status).toBe(200)
    expect(exchange.parse(await answer.json())).toMatchObject({
      link,
      request_sent_status: true,
      approval_status: true,
      state: 'approved',
      chat,
      client_id: client,
      request_id: requestId,
      events: `${chat}/events`
    })
    expect(await countRequests(chat, owner)).toBe(1)
  })

  it('is 200 for the owner and for members from other links, and records nothing', async () => {
    const server = await startServer()
    const { chat, owner, member } = await createChatWithMember(server)
    const link = await createLink(chat, owner)
    for (const user of [owner, member]) {
      const answer = await call(link, { user })
      expect(answer.status).toBe(200)
      expect(exchange.parse(await answer.json())).toMatchObject({
        request_sent_status: false,
        approval_status: true,
        state: 'approved',
        chat,
        client_id: null,
        request_id: null,
        events: `${chat}/events`
      })
    }
    expect(await countRequests(chat, owner)).toBe(1)
  })

  it('is 403 for unknown user ids, because only the server makes them', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    const otherLink = await createLink(chat, owner)
    const waiting = await knock(link)
    const stranger = await createChat(server)
    expect(await refusal(await call(link, { user: STRANGER }))).toEqual([403, 'not-this-guest'])
    expect(await refusal(await call(link, { user: stranger.owner }))).toEqual([403, 'not-this-guest'])
    expect(await refusal(await call(otherLink, { user: waiting.client }))).toEqual([403, 'not-this-guest'])
    expect(await countRequests(chat, owner)).toBe(2)
  })

  it('is 401 for a malformed user id, although none is needed', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    for (const target of [`${link}?user_id=`, `${link}?user_id=x`, `${link}?user_id=${STRANGER}&user_id=${STRANGER}`]) {
      const answer = await call(target)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      expect(await refusal(answer)).toEqual([401, 'user-id-required'])
    }
    for (const authorization of ['', 'Bearer', 'Bearer x', `Bearer ${STRANGER} x`, `Bearer: ${STRANGER}`, STRANGER]) {
      const answer = await call(link, { headers: { authorization } })
      expect(await refusal(answer)).toEqual([401, 'user-id-required'])
    }
    expect(await countRequests(chat, owner)).toBe(0)
  })
})

describe('a request that does not ask to join', () => {
  it('with HEAD says whether the link is open', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    for (const [url, status] of [
      [link, 200],
      [`${link}/`, 200],
      [`${link}x`, 404]
    ] as const) {
      const answer = await call(`HEAD ${url}`)
      expect([answer.status, await answer.text(), answer.headers.get('vary')]).toEqual([status, '', 'Accept'])
    }
    expect(await countRequests(chat, owner)).toBe(0)
  })

  it('as a prefetch gets 204', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    for (const headers of [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender', accept: CHROME },
      { purpose: 'prefetch' }
    ]) {
      const answer = await call(link, { headers })
      expect([answer.status, await answer.text(), answer.headers.get('vary')]).toEqual([204, '', 'Accept'])
    }
    expect(await countRequests(chat, owner)).toBe(0)
    expect((await call(link, { headers: { purpose: 'prefetching' } })).status).toBe(202)
  })

  it('for a link preview gets the page', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    for (const agent of [
      'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
      'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
      'WhatsApp/2.23.20.0 A',
      'TelegramBot (like TwitterBot)',
      'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
      'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5'
    ]) {
      const answer = await call(link, { headers: { 'user-agent': agent, accept: '*/*' } })
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    }
    expect(await countRequests(chat, owner)).toBe(0)
  })

  it.each([
    'curl/8.5.0',
    'Wget/1.21',
    'python-requests/2.31',
    'Googlebot/2.1',
    'DiscordBot (https://discord.js.org, 14)',
    ''
  ])('as %j is a program like any other, and knocks', async (agent) => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const answer = await call(await createLink(chat), { headers: { 'user-agent': agent, accept: '*/*' } })
    expect(answer.status).toBe(202)
  })
})

describe('a browser', () => {
  it('gets the same static page for every link, and one for every chat, known or not, and changes nothing', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const pages: Record<'chats' | 'links', Set<string>> = { chats: new Set(), links: new Set() }
    for (const url of [
      chat,
      `${chat}/`,
      `${chat}%zz`,
      link,
      `${link}?name=Ana`,
      `${chat}x`,
      `${server.url}/v1/links/x`
    ]) {
      const answer = await call(url, { headers: { accept: CHROME } })
      expect(answer.status).toBe(200)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        vary: 'Accept'
      })
      expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'/)
      pages[url.includes('/chats/') ? 'chats' : 'links'].add(await answer.text())
    }
    expect([pages.chats.size, pages.links.size]).toEqual([1, 1])
    expect(await countRequests(chat, owner)).toBe(0)
    // Nothing from other origins, and nothing inline.
    const page = [...pages.links].join()
    expect(page.replace(`content="${server.url}/assets/`, '')).not.toMatch(/https?:|<style|<script(?![^>]* src=)/)
    const assets = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path = '']) => path)
    expect(assets.length).toBeGreaterThan(2)
    for (const path of assets) {
      const asset = await call(`${server.url}${path}`)
      expect([asset.status, asset.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable'])
    }
    expect((await call(`${server.url}/assets/none.js`)).status).toBe(404)
  })

  it('gets a page whose assets are below PUBLIC_URL', async () => {
    const server = await startServer({ env: { PUBLIC_URL: 'https://example.org/chat' } })
    const page = await (await call(server.url, { headers: { accept: CHROME } })).text()
    expect(page).toMatch(/src="\/chat\/assets\/[^"]*\.js"/)
  })

  it.each([
    ['text/html', true],
    ['TEXT/HTML', true],
    ['text/html;q=0.1', true],
    ['text/html,*/*', true],
    ['application/json;q=0.5, text/html', true],
    ['text/html;q=0.9,application/json;q=0.8', true],
    ['text/html, application/json', false],
    ['text/html;q=0.8,application/json', false],
    ['text/html;q=0', false],
    ['*/*', false],
    ['text/*', false],
    ['application/json', false],
    ['text/htmlx', false],
    ['text/plain;x=text/html', false],
    ['', false]
  ])('is who sends Accept: %s (%s)', async (accept, isBrowser) => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const answer = await call(await createLink(chat), { headers: { accept } })
    expect(answer.headers.get('content-type')).toMatch(isBrowser ? /^text\/html/ : /^application\/json/)
  })
})
