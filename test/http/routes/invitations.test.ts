/** `/i/<opaque>`, the form of a link for people, is the same resource as `/v1/links/<opaque>`. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { RATE_LIMITS } from '../../../src/http/limits/rate-limits.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  decline,
  idIn,
  knock,
  linksOf,
  refusal,
  requestsOf,
  STRANGER
} from '../../support/api.ts'
import { METRICS, scrape } from '../../support/metrics.ts'
import { rawRequest } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

/** The form for people. */
const forPeople = (link: string) => link.replace('/v1/links/', '/i/')

async function start(env: Record<string, string> = {}) {
  const server = await startServer({ env })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  return { server, chat, owner, link, short: forPeople(link), path: `/i/${idIn(link)}` }
}

const ENDS = Object.keys(
  JSON.parse(readFileSync(new URL('../../../openapi/openapi.json', import.meta.url), 'utf8')).paths
)
  .filter((path) => path.startsWith('/v1/links/'))
  .map((path) => path.replace('/v1/links/{link}', ''))
const METHODS = ['GET', 'HEAD', 'DELETE', 'PUT', 'OPTIONS', 'POST', 'PATCH']
/** Every method of everything that a link has. */
const TARGETS = ENDS.flatMap((end) => METHODS.map((method) => [method, end] as const))
const COMPARED = ['allow', 'vary', 'content-type', 'cache-control', 'www-authenticate']

async function answerTo(target: string, user: string | undefined) {
  const answer = await call(target, { user })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

/** Status, `Location` and `Allow` of the answer to exactly this request target. */
async function ask({ port }: TestServer, line: string, ...headers: string[]) {
  const target = line.includes(' ') ? line : `GET ${line}`
  const answer = await rawRequest(port, [`${target} HTTP/1.1`, 'Host: localhost', 'Content-Length: 0', ...headers])
  return { ...answer, location: answer.headers.get('location'), allow: answer.headers.get('allow') }
}

describe('a link in its form for people', () => {
  it('does everything that a guest and an owner do with it, and answers name the other form', async () => {
    const { chat, owner, link, short } = await start()
    const knocked = await call(`${short}?name=Ana`)
    const { client_id, request_id, ...body } = JSON.parse(await knocked.text())
    expect([knocked.status, body]).toMatchObject([202, { link, state: 'pending', events: `${link}/events` }])
    const stream = await openStream(`${short}/events`, { user: client_id })
    expect(await stream.next()).toMatchObject({ event: 'approval', data: { link, state: 'pending' } })
    expect((await approve(short, owner, request_id)).status).toBe(200)
    expect(await stream.next()).toMatchObject({ event: 'approval', data: { link, state: 'approved', chat } })
    expect(await (await call(short, { user: client_id })).json()).toMatchObject({ link, state: 'approved', chat })
    expect((await call(`DELETE ${short}/request`, { user: client_id })).status).toBe(204)
    expect(await refusal(await call(`${short}?user_id=${client_id}`))).toEqual([403, 'left'])
    expect(await requestsOf(chat, owner)).toMatchObject([{ link, name: 'Ana', state: 'closed' }])
    expect((await call(`DELETE ${short}`, { user: owner })).status).toBe(204)
    expect(await linksOf(chat, owner)).toMatchObject([{ link, state: 'revoked' }])
    expect(await refusal(await call(short))).toEqual([410, 'link-revoked'])
    expect((await call(`HEAD ${short}`)).status).toBe(410)
  })

  it.each(TARGETS)('answers %s %s as the other form does, to anybody', async (method, end) => {
    const { server, owner, short } = await start()
    const users = method === 'GET' && end === '' ? [STRANGER, owner] : [STRANGER, owner, undefined]
    for (const target of [short, `${server.url}/i/none`, `${server.url}/i/${'x'.repeat(36)}`]) {
      for (const user of users) {
        const answers = [target, target.replace('/i/', '/v1/links/')].map(async (url) => {
          const { status, headers, text } = await answerTo(`${method} ${url}${end}`, user)
          return [status, ...COMPARED.map((name) => headers.get(name)), text]
        })
        const [answer, same] = await Promise.all(answers)
        expect(answer).toEqual(same)
      }
    }
  })

  it('is accepted in bodies, in queries and as a path parameter', async () => {
    const { server, chat, owner, link, short } = await start()
    const ana = await knock(link)
    const elsewhere = short.replace(server.url, 'https://chat.example/silly')
    for (const url of [short, `${short}/`, `${short}?a=b#c`, elsewhere, short.replace('/i/', '/%69/')]) {
      const asked = await call(`${server.url}/v1/approval?link=${encodeURIComponent(url)}`, { user: ana.client })
      expect([url, await asked.json()]).toEqual([url, { approval_status: false }])
    }
    const approved = await approve(elsewhere.replace('https://chat.example/silly', server.url), owner)
    expect(await approved.json()).toMatchObject({ link, request_id: ana.requestId })
    expect((await decline(short, owner, ana.requestId)).status).toBe(200)
    for (const path of ['/v1/links/', '/i/']) {
      expect((await call(server.url + path + encodeURIComponent(short), { user: owner })).status).toBe(200)
    }
    expect(await refusal(await call(`${server.url}/v1/links`, { json: { chat: short } }))).toEqual([
      400,
      'invalid-request'
    ])
    expect(
      await refusal(await call(`${server.url}/v1/links`, { json: { chat: chat.replace('v1/chats', 'i') } }))
    ).toEqual([400, 'invalid-request'])
  })

  it('is the page in a browser, and nothing for a prefetch', async () => {
    const { server, chat, owner, link, path } = await start()
    const { body: page } = await ask(server, new URL(link).pathname, `Accept: ${BROWSER}`)
    expect(page).toContain('og:title')
    for (const target of [path, `${path}/`, `/%69/${idIn(link)}`, `http://localhost${path}`]) {
      const answer = await ask(server, target, `Accept: ${BROWSER}`)
      expect([target, answer.status, answer.body, answer.headers.get('vary')]).toEqual([target, 200, page, 'Accept'])
      expect((await ask(server, target, 'Sec-Purpose: prefetch', `Accept: ${BROWSER}`)).status).toBe(204)
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('stays in this form when a browser is redirected, also below the path of PUBLIC_URL', async () => {
    const { chat, owner, server, path } = await start()
    const proxied = await startServer({ env: { PUBLIC_URL: 'https://chat.example/silly/' } })
    for (const [at, prefix] of [
      [server, ''],
      [proxied, '/silly']
    ] as const) {
      for (const end of ['.', ')', '%22', '?!', `?user_id=${STRANGER}`, `.?client_id=${STRANGER}`, '%E2%80%9D']) {
        const { status, location } = await ask(at, path + end, `Accept: ${BROWSER}`)
        expect([end, status, location]).toEqual([end, 303, prefix + path])
      }
      const kept = await ask(at, `${path}.?name=Ana&authorId=${STRANGER}`, `Accept: ${BROWSER}`)
      expect([kept.status, kept.location]).toEqual([303, `${prefix}${path}?name=Ana`])
      expect((await ask(at, `${path}.`)).status).toBe(404)
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('is only this path', async () => {
    const { server, chat, owner, path } = await start()
    const others = ['/i', '/i/', '/i//', path.replace('/i', '/I'), path.replace('/i', '//i'), `${path}//`, `/x${path}`]
    for (const other of [...others, `${path}/nowhere`]) {
      for (const line of [other, `POST ${other}`]) expect([line, (await ask(server, line)).status]).toEqual([line, 404])
    }
    // Unlike below /v1, a browser gets a page with a way to the start.
    for (const other of [...others, `${path}/nowhere`]) {
      const { status, headers } = await ask(server, other, `Accept: ${BROWSER}`)
      expect([other, status, headers.get('content-type')]).toEqual([other, 404, 'text/html; charset=utf-8'])
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('can be called by pages of other origins with every method', async () => {
    const { server, path } = await start()
    for (const [end, methods] of [
      ['', 'DELETE, GET, HEAD, OPTIONS'],
      ['/events', 'GET, OPTIONS'],
      ['/request', 'DELETE, OPTIONS']
    ] as const) {
      const { status, headers } = await ask(
        server,
        `OPTIONS ${path}${end}`,
        'Origin: https://page.example',
        'Access-Control-Request-Method: DELETE'
      )
      const allowed = headers.get('access-control-allow-methods')?.split(', ').sort().join(', ')
      expect([end, status, headers.get('access-control-allow-origin'), allowed]).toEqual([end, 204, '*', methods])
    }
  })

  it('counts for the same limit as the other form', async () => {
    const { link, short } = await start({ RATE_LIMIT: 'on' })
    const left = async (url: string) => Number((await call(url)).headers.get('ratelimit-remaining'))
    const max = RATE_LIMITS.knock.own
    expect([await left(link), await left(short), await left(link)]).toEqual([max - 1, max - 2, max - 3])
  })

  it('is neither in the log nor in the metrics, which know the route', async () => {
    const server = await startServer({ env: METRICS })
    const { link, owner, member } = await createChatWithMember(server)
    const short = forPeople(link)
    await call(short)
    await call(short, { headers: { accept: BROWSER } })
    await call(`${short}/nowhere`)
    await call(`PUT ${short}`)
    await call(`${short}%zz`)
    await call(`${short}.`, { headers: { accept: BROWSER } })
    await call(`DELETE ${short}/request`, { user: member })
    const { text, value } = await scrape(server)
    expect(value('silly_chat_requests_total{method="GET",route="/v1/links/:link",status="202"}')).toBe(2)
    expect(text).not.toContain(idIn(link))
    expect(text).not.toContain('"/i')
    await server.close()
    expect(server.log.join('')).toContain('"route":"/v1/links/:link/request"')
    for (const secret of [idIn(link), owner, member]) expect(server.log.join('')).not.toContain(secret)
  })
})
