/** Shared URLs as they arrive: percent-encoded, with punctuation after them, or with a user id. */
import { describe, expect, it } from 'vitest'
import { call, createChat, createLink, knock, requestsOf } from '../../support/api.ts'
import { rawRequest } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'

const BROWSER = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const ID = '406a3207-a070-4411-b9b6-8527c0c19c7e'

async function start(env: Record<string, string> = {}) {
  const server = await startServer({ env })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  return { server, chat, owner, link, path: new URL(link).pathname, chatPath: new URL(chat).pathname }
}

/** Status and `Location` of the answer to exactly this request target. */
async function get({ port }: TestServer, target: string, ...headers: string[]): Promise<[number, string | null]> {
  const method = target.startsWith('HEAD ') ? '' : 'GET '
  const answer = await rawRequest(port, [`${method}${target} HTTP/1.1`, 'Host: localhost', ...headers])
  return [answer.status, answer.headers.get('location')]
}

const encodedWhole = (path: string) => path.replaceAll(/[^/]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)

describe('a path in another spelling', () => {
  it('means the same for programs: reads, join requests, 405 and OPTIONS', async () => {
    const { server, chat, owner, path, chatPath } = await start()
    const other = server.url + encodedWhole(chatPath)
    expect((await call(other, { user: owner, json: { text: 'hello' } })).status).toBe(201)
    expect(await (await call(other, { user: owner })).json()).toMatchObject({ chat, messages: [{ text: 'hello' }] })
    expect((await call(server.url + encodedWhole(path))).status).toBe(202)
    for (const method of ['PUT', 'OPTIONS']) {
      const answers = [await call(`${method} ${other}`), await call(`${method} ${chat}`)]
      expect(answers[0]?.headers.get('allow')).toBe(answers[1]?.headers.get('allow'))
      expect(answers[0]?.status).toBe(answers[1]?.status)
    }
  })

  it('means the same for browsers: the page, and no join request', async () => {
    const { server, chat, owner, path, chatPath } = await start()
    for (const target of [path, chatPath, encodedWhole(path), encodedWhole(chatPath)]) {
      expect(await get(server, target, BROWSER)).toEqual([200, null])
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('means the same in a body and in a query', async () => {
    const { server, chat, link, path, chatPath } = await start()
    const spelled = (of: string) => server.url + encodedWhole(of)
    expect((await call(`${server.url}/v1/links`, { json: { chat: spelled(chatPath) } })).status).toBe(201)
    await knock(link)
    const asked = await call(`${server.url}/v1/approval?link=${encodeURIComponent(spelled(path))}`)
    expect([asked.status, await asked.json()]).toEqual([200, { approval_status: false }])
    expect((await call(`${server.url}/v1/links`, { json: { chat: `${chat}%2F..%2f` } })).status).toBe(400)
  })

  it('does not match if it is a different path', async () => {
    const { server, chat, owner, path } = await start()
    const others = [
      path.replace('/v1', '//v1'),
      path.replace('/links/', '/links//'),
      path.replace('/links/', '/links%2f'),
      `${path}//`,
      `${path}..%2f`,
      `${path}/..%2F..%2fchats`,
      `${path};x`,
      `${path}%00`,
      `${path}%5C`,
      path.replace('/v1', '/V1'),
      path.replace(/.$/, (last) => `%25${last.charCodeAt(0).toString(16)}`)
    ]
    for (const other of others) {
      expect([other, (await get(server, other))[0]]).toEqual([other, 404])
      expect([other, (await get(server, other, BROWSER))[1]]).toEqual([other, null])
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })
})

describe('a URL followed by punctuation', () => {
  const runs = [
    ...['.', ',', ';', ':', '!', '?', ')', ']', '>', '"', "'"],
    ...['%22', '%3E', '%27', '%29', '%2E', '%5D', '%3f'],
    ...[')]>"\'', '...', '?!', '?)', '!?%22).', ').%22', '.?%27', '?%22'],
    ...['}', '*', '**', '_', '--', '~', '`', '%20', '%0A', '&', '%', '%25'],
    ...['%E2%80%9D', '%E2%80%99', '%C2%BB', '%E2%80%A6', '%E3%80%82', '%EF%BC%89', '%E2%80%8B', '%C2%A0'],
    ...['./', '/)', '.#x']
  ]

  it('redirects a browser to the URL without it, and changes nothing', async () => {
    const { server, chat, owner, path, chatPath } = await start()
    for (const address of [path, chatPath]) {
      const sent = await Promise.all(runs.map((run) => get(server, address + run, BROWSER)))
      expect(runs.map((run, index) => [run, sent[index]])).toEqual(runs.map((run) => [run, [303, address]]))
      expect(await get(server, `HEAD ${address}.`, BROWSER)).toEqual([303, address])
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('keeps the query, byte for byte', async () => {
    const { server, path } = await start()
    expect(await get(server, `${path}.?name=Ana.&%2D=+%20&&a`, BROWSER)).toEqual([303, `${path}?name=Ana.&%2D=+%20&&a`])
    expect(await get(server, `${path}?name=Ana.`, BROWSER)).toEqual([200, null])
  })

  it('is not cut if an old id ends in a sign', async () => {
    const { server, path } = await start()
    for (const sign of ['-', '_']) {
      const old = path.slice(0, -1) + sign
      expect(await get(server, old, BROWSER)).toEqual([200, null])
      for (const run of ['.', sign, `${sign}.`, '_)']) expect(await get(server, old + run, BROWSER)).toEqual([303, old])
    }
  })

  it('is unknown for programs, and the page for link previews', async () => {
    const { server, chat, owner, path } = await start()
    for (const run of ['.', '%22', ')', '%2E']) {
      expect(await get(server, path + run)).toEqual([404, null])
      expect(await get(server, path + run, 'Accept: application/json, text/html;q=0.9')).toEqual([404, null])
      expect(await get(server, path + run, BROWSER, 'User-Agent: WhatsApp/2.1')).toEqual([200, null])
      expect(await get(server, path + run, BROWSER, 'Sec-Purpose: prefetch')).toEqual([204, null])
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('is not redirected if something else follows', async () => {
    const { server, path } = await start()
    for (const end of ['x', '.x', '?a', '/events', '%2f.', '%2e%2f', '%E2%80', '//.']) {
      expect([end, (await get(server, path + end, BROWSER))[1]]).toEqual([end, null])
    }
  })

  it('is redirected below the path of PUBLIC_URL, never to another host', async () => {
    const server = await startServer({ env: { PUBLIC_URL: 'https://chat.example/silly/' } })
    const inside = `/v1/links/${'x'.repeat(36)}`
    for (const headers of [
      ['Host: localhost'],
      ['Host: evil.example'],
      ['Host: a', 'X-Forwarded-Host: evil.example']
    ]) {
      const answer = await rawRequest(server.port, [`GET ${inside}. HTTP/1.1`, ...headers, BROWSER])
      expect([answer.status, answer.headers.get('location')]).toEqual([303, `/silly${inside}`])
    }
    const absolute = await rawRequest(server.port, [`GET http://evil.example${inside}. HTTP/1.1`, 'Host: a', BROWSER])
    expect(absolute.headers.get('location')).toBe(`/silly${inside}`)
  })

  it('is not cached and varies by Accept', async () => {
    const { server, path } = await start()
    const { headers } = await rawRequest(server.port, [`GET ${path}. HTTP/1.1`, 'Host: localhost', BROWSER])
    expect([headers.get('vary'), headers.get('cache-control')]).toEqual(['Accept', 'no-store'])
  })
})

describe('a URL with a user id in its query', () => {
  const names = [
    'user_id',
    'author_id',
    'client_id',
    'userId',
    'authorId',
    'clientId',
    'user%5Fid',
    '%75ser_id',
    'USER_ID'
  ]

  it('redirects a browser to the URL without it, and keeps other parameters byte for byte', async () => {
    const { server, path, chatPath } = await start()
    for (const name of names) {
      for (const address of ['/', path, `${path}/`, chatPath]) {
        expect(await get(server, `${address}?${name}=${ID}`, BROWSER)).toEqual([303, address])
        expect(await get(server, `HEAD ${address}?a=%2D&${name}=${ID}&b=+&${name}&&c`, BROWSER)).toEqual([
          303,
          `${address}?a=%2D&b=+&&c`
        ])
      }
      expect(await get(server, `${path}.?${name}=${ID}`, BROWSER)).toEqual([303, path])
    }
  })

  it('is not redirected if only the value or the name of a parameter is similar', async () => {
    const { server, path } = await start()
    for (const query of [`a=user_id=${ID}`, 'user_ids=1', 'my_user_id=1', 'a=1', 'user=1', '%zz=1']) {
      expect(await get(server, `${path}?${query}`, BROWSER)).toEqual([200, null])
    }
  })

  it('is not redirected for programs and link previews, on streams and in the docs', async () => {
    const { server, owner, chatPath, path } = await start()
    expect(await get(server, `${chatPath}?user_id=${owner}`)).toEqual([200, null])
    expect(await get(server, `/?user_id=${owner}`)).toEqual([200, null])
    expect(await get(server, `${path}?user_id=${owner}`, BROWSER, 'User-Agent: WhatsApp/2.1')).toEqual([200, null])
    expect(await get(server, `${chatPath}/events?user_id=${ID}`, BROWSER)).toEqual([403, null])
    expect(await get(server, `/docs?user_id=${owner}`, BROWSER)).toEqual([200, null])
  })

  it('never redirects to another server', async () => {
    const { server } = await start()
    for (const target of [`//evil.example/?user_id=${ID}`, `//?user_id=${ID}`, `/%5Cevil.example?user_id=${ID}`]) {
      expect([null, '/']).toContain((await get(server, target, BROWSER))[1])
    }
  })
})
