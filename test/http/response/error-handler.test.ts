/** Every refusal is a problem document, Fastify's and node:http's own included, and in which order they are checked. */
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { call, createChat, createChatWithMember, post, problemOf, refusal } from '../../support/api.ts'
import { exchangeBytes, openSocket, parseAnswer, rawRequest } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const HOST = 'Host: localhost'

/** The status and the kind of a raw answer that must be a problem document. */
function rawRefusal({ status, headers, body }: { status: number; headers: Headers; body: string }): [number, string] {
  const problem = JSON.parse(body)
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(problem).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) })
  return [status, problem.type.replace('urn:silly-chat:', '')]
}

const raw = async (server: TestServer, head: string[], body = '') =>
  rawRefusal(await rawRequest(server.port, head, body))

describe('an unknown path', () => {
  it.each([
    'GET /nowhere',
    'GET /v1',
    'GET //v1/chats',
    'POST /V1/chats',
    'PROPFIND /x',
    'OPTIONS /nowhere',
    'GET /%zz',
    'GET /docs/static/../x',
    'GET /docs/static/%2e%2e/x',
    'GET /docs/static/%00',
    'GET /docs/static/nothing'
  ])('%s is 404', async (request) => {
    const server = await startServer()
    expect(await raw(server, [`${request} HTTP/1.1`, HOST])).toEqual([404, 'not-found'])
    expect(server.log.join('')).not.toContain('"level":50')
  })
})

describe('a wrong method', () => {
  it.each([
    ['GET', '/v1/chats', 'OPTIONS, POST'],
    ['PUT', '/v1/chats/x', 'OPTIONS, POST, GET, HEAD, PATCH, DELETE'],
    ['PROPFIND', '/v1/chats/x/', 'OPTIONS, POST, GET, HEAD, PATCH, DELETE'],
    ['POST', '/v1/chats/x/events', 'OPTIONS, GET'],
    ['GET', '/v1/links', 'OPTIONS, POST'],
    ['POST', '/v1/chats/x/links', 'OPTIONS, GET, HEAD'],
    ['PROPFIND', '/v1/links/x?a=/b', 'OPTIONS, GET, HEAD, DELETE'],
    ['GET', '/v1/links/x/request/', 'OPTIONS, DELETE'],
    ['DELETE', '/v1/approval', 'OPTIONS, GET, HEAD, POST'],
    ['PUT', '/v1/approval/', 'OPTIONS, GET, HEAD, POST'],
    ['POST', '/health', 'OPTIONS, GET, HEAD'],
    ['DELETE', '/v1/%63hats', 'OPTIONS, POST'],
    ['PUT', '/v1/chats/a%2Fb', 'OPTIONS, POST, GET, HEAD, PATCH, DELETE']
  ])('%s %s is 405 and lists the right ones', async (method, path, allow) => {
    const server = await startServer()
    const answer = await rawRequest(server.port, [`${method} ${path} HTTP/1.1`, HOST])
    expect([...rawRefusal(answer), answer.headers.get('allow')]).toEqual([405, 'method-not-allowed', allow])
  })
})

describe('a Host', () => {
  it.each([
    ['none', []],
    ['an empty one', ['Host: ']],
    ['two', ['Host: a', 'Host: a']],
    ['with a user', ['Host: user@a']],
    ['with a path', ['Host: a/b']],
    ['with a space', ['Host: a b']],
    ['with markup', ['Host: <script>']],
    ['with a quote', ['Host: a"b']],
    ['with a comma', ['Host: a,b']],
    ['with a broken port', ['Host: a:b']],
    ['with too large a port', ['Host: a:99999']],
    ['that is half an IPv6 address', ['Host: [::1']],
    ['that is no IPv4 address', ['Host: 999.1.1.1']],
    ['that is not ASCII', ['Host: ünï']]
  ])('that is not a valid authority is 400: %s', async (_what, hosts) => {
    const server = await startServer()
    expect(await raw(server, ['POST /v1/chats HTTP/1.1', ...hosts])).toEqual([400, 'bad-host'])
    expect(await raw(server, ['GET /nowhere HTTP/1.1', ...hosts])).toEqual([400, 'bad-host'])
    expect(await raw(server, ['GET /%zz HTTP/1.1', ...hosts])).toEqual([400, 'bad-host'])
  })

  it.each(['localhost', 'EXAMPLE.org', 'a_b.example:1', '127.0.0.1:80', '[::1]:8000', 'xn--bcher-kva.example'])(
    '%s is the base of the URLs in the answer',
    async (host) => {
      const server = await startServer()
      const { body, headers } = await rawRequest(server.port, ['POST /v1/chats HTTP/1.1', `Host: ${host}`])
      const { chat } = JSON.parse(body)
      expect(chat.startsWith(`http://${host}/v1/chats/`)).toBe(true)
      expect(headers.get('location')).toBe(chat)
    }
  )

  it('must be valid although the target has one', async () => {
    const server = await startServer()
    const target = 'GET http://a/v1/links/x HTTP/1.1'
    expect(await raw(server, [target, 'Host: b c'])).toEqual([400, 'bad-host'])
    expect(await raw(server, [target])).toEqual([400, 'bad-host'])
    expect(await raw(server, ['GET http://a b/ HTTP/1.1', HOST])).toEqual([400, 'malformed-request'])
    expect(await raw(server, ['GET http://u@a/ HTTP/1.1', HOST])).toEqual([400, 'bad-host'])
  })

  it('of the target takes precedence over the header', async () => {
    const server = await startServer()
    const { body } = await rawRequest(server.port, [
      'POST http://target.example/v1/chats HTTP/1.1',
      'Host: header.example'
    ])
    expect(JSON.parse(body).chat).toMatch(/^http:\/\/target\.example\//)
  })

  it('is not needed in HTTP/1.0', async () => {
    const server = await startServer()
    expect((await rawRequest(server.port, ['GET /health HTTP/1.0'])).status).toBe(200)
    const { body } = await rawRequest(server.port, ['POST /v1/chats HTTP/1.0'])
    expect(JSON.parse(body).chat).toMatch(`http://127.0.0.1:${server.port}/v1/chats/`)
  })

  it('of one client is never shown to another', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    const path = new URL(link).pathname
    await rawRequest(server.port, [`GET ${path} HTTP/1.1`, 'Host: evil.example'])
    await rawRequest(
      server.port,
      [
        `POST /v1/links HTTP/1.1`,
        'Host: evil.example',
        'Content-Type: application/json',
        `Content-Length: ${JSON.stringify({ chat }).length}`
      ],
      JSON.stringify({ chat })
    )
    for (const url of [chat, `${chat}/join-requests`, link]) {
      expect(await (await call(url, { user: owner })).text()).not.toContain('evil')
    }
  })
})

describe('PUBLIC_URL and proxies', () => {
  const forwarded = { 'x-forwarded-host': 'chat.example.org', 'x-forwarded-proto': 'https' }
  const create = async (server: TestServer, headers: Record<string, string> = {}) => {
    const answer = await call(`POST ${server.url}/v1/chats`, { headers })
    return JSON.parse(await answer.text()).chat as string
  }

  it('PUBLIC_URL is the base of every URL, with its path', async () => {
    const server = await startServer({ env: { PUBLIC_URL: 'https://example.org/silly/' } })
    expect(await create(server, forwarded)).toMatch(/^https:\/\/example\.org\/silly\/v1\/chats\/[^/]+$/)
    expect(await (await call(`${server.url}/docs`)).text()).toContain('src="docs/static/swagger-ui-bundle.js"')
    const document = await (await call(`${server.url}/docs/json`)).json()
    expect(document).toMatchObject({ servers: [{ url: 'https://example.org/silly' }] })
  })

  it('X-Forwarded-* is used only from a trusted proxy', async () => {
    const [off, on, listed, elsewhere] = [
      await startServer(),
      await startServer({ env: { TRUST_PROXY: 'on' } }),
      await startServer({ env: { TRUST_PROXY: '10.0.0.1, 127.0.0.0/8' } }),
      await startServer({ env: { TRUST_PROXY: '10.0.0.1' } })
    ]
    expect(await create(off, forwarded)).toMatch(off.url)
    expect(await create(on, forwarded)).toMatch(/^https:\/\/chat\.example\.org\/v1/)
    expect(await create(listed, forwarded)).toMatch(/^https:\/\/chat\.example\.org\/v1/)
    expect(await create(elsewhere, forwarded)).toMatch(elsewhere.url)
    const evil = await call(`POST ${on.url}/v1/chats`, { headers: { 'x-forwarded-host': 'a/b' } })
    expect(await refusal(evil)).toEqual([400, 'bad-host'])
    expect(await create(on, { 'x-forwarded-proto': 'javascript' })).toMatch(/^http:/)
    expect(await create(on, { 'x-forwarded-proto': 'HTTPS' })).toMatch(/^https:/)
  })
})

describe('a URL that is too long', () => {
  it.each([8193, 20_000, 40_000, 60_000, 100_000])('of %i characters is 414', async (length) => {
    const server = await startServer()
    for (const start of ['/v1/chats/', '/%zz', '/nowhere?']) {
      const url = start.padEnd(length, 'a')
      expect(await raw(server, [`GET ${url} HTTP/1.1`, HOST])).toEqual([414, 'uri-too-long'])
    }
  })

  it('is 414 also if it arrives in pieces', async () => {
    const server = await startServer()
    const socket = openSocket(server.port)
    socket.setNoDelay()
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    const closed = new Promise((resolve) => socket.on('close', resolve))
    const pieces = [
      `GET /${'a'.repeat(40_000)}`,
      `${'a'.repeat(40_000)} HTTP/1.1\r\n${HOST}\r\n`,
      'Connection: close\r\n\r\n'
    ]
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
    await closed
    expect(rawRefusal(parseAnswer(text))).toEqual([414, 'uri-too-long'])
  })

  it('has more than 8 KiB', async () => {
    const server = await startServer()
    expect(await raw(server, [`GET ${'/v1/chats/'.padEnd(8192, 'a')}?user_id= HTTP/1.1`, HOST])).toEqual([
      414,
      'uri-too-long'
    ])
    const user = 'user_id=406a3207-a070-4411-b9b6-8527c0c19c7e&x='
    expect(await raw(server, [`GET /v1/chats/${'%'.repeat(4000)}?${user} HTTP/1.1`, HOST])).toEqual([
      404,
      'chat-not-found'
    ])
    const url = `/v1/chats/x?${user}`.padEnd(8192, 'a')
    expect(await raw(server, [`GET ${url} HTTP/1.1`, HOST])).toEqual([404, 'chat-not-found'])
  })
})

describe('malformed HTTP', () => {
  it.each([
    'nonsense\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /health HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n',
    '\u0016\u0003\u0001'
  ])('%j is 400', async (bytes) => {
    const server = await startServer()
    expect(rawRefusal(parseAnswer(await exchangeBytes(server.port, `${bytes}\r\n\r\n`)))).toEqual([
      400,
      'malformed-request'
    ])
  })

  it('is 400 for two lengths of one body, too', async () => {
    const server = await startServer()
    const head = ['POST /v1/chats HTTP/1.1', HOST, 'Content-Length: 2', 'Transfer-Encoding: chunked']
    expect(await raw(server, head, '{}')).toEqual([400, 'malformed-request'])
  })

  it('is 431 for too many headers', async () => {
    const server = await startServer()
    const headers = Array.from({ length: 90 }, (_, index) => `X-${index}: ${'x'.repeat(1000)}`)
    expect(await raw(server, ['GET /health HTTP/1.1', HOST, ...headers])).toEqual([431, 'headers-too-large'])
  })

  it('is answered after earlier requests, and never inside a stream', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const path = new URL(chat).pathname
    const body = '{"text":"said"}'
    const head = `Host: a\r\nAuthorization: Bearer ${owner}\r\nContent-Type: application/json\r\n`
    const both = await exchangeBytes(
      server.port,
      `POST ${path} HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}JUNK\r\n\r\n`
    )
    expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 400'])

    const socket = openSocket(server.port)
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    socket.write(`GET ${path}/events HTTP/1.1\r\n${head}\r\n`)
    while (!text.includes('event: ready')) await once(socket, 'data')
    socket.write('JUNK\r\n\r\n')
    await post(chat, owner, 'and went on')
    while (!text.includes('and went on')) await once(socket, 'data')
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    const others = await openStream(`${chat}/events`, { user: owner })
    await others.next()
    socket.destroy()
  })

  it('is not answered inside a stream that is open on the connection', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const socket = openSocket(server.port)
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    const path = new URL(chat).pathname
    socket.write(`GET ${path}/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${owner}\r\n\r\n`)
    while (!text.includes('event: ready')) await once(socket, 'data')
    socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'close')
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  it.each([
    ['breaks off in its body', 'Content-Length: 100\r\n\r\n{"text"'],
    ['has a chunk of no size', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n']
  ])('is 400 for a request that %s, after the answer to the one before, and closes the socket', async (_what, rest) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const socket = openSocket(server.port)
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    const head = `POST ${new URL(chat).pathname} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${owner}\r\nContent-Type: application/json`
    socket.end(`GET /health HTTP/1.1\r\nHost: a\r\n\r\n${head}\r\n${rest}`)
    await once(socket, 'close')
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400'])
    expect(text).toContain('urn:silly-chat:malformed-request')
    const began = performance.now()
    await server.close()
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('gets no second answer if the body breaks off after the refusal', async () => {
    const server = await startServer()
    const head = 'POST /nope HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const text = await exchangeBytes(server.port, `${head}ZZ\r\n`)
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404'])
  })

  it('does not include an unknown expectation, which is ignored', async () => {
    const server = await startServer()
    expect((await rawRequest(server.port, ['GET /health HTTP/1.1', HOST, 'Expect: the-unexpected'])).status).toBe(200)
  })
})

describe('a body', () => {
  const send = (url: string, body: string | Buffer | undefined, contentType: string | undefined, user: string) =>
    fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${user}`, ...(contentType !== undefined && { 'content-type': contentType }) },
      ...(body !== undefined && { body })
    })

  it('of 64 KiB is accepted, and a larger one is 413', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const padded = (size: number) => JSON.stringify({ text: 'x' }).padEnd(size, ' ')
    expect((await send(chat, padded(65_536), 'application/json', owner)).status).toBe(201)
    for (const contentType of ['application/json', 'text/plain']) {
      expect(await refusal(await send(chat, padded(65_537), contentType, owner))).toEqual([413, 'body-too-large'])
    }
  })

  it('that is far too large is 413 even if the client sends all of it, and the connection stays open', async () => {
    const server = await startServer()
    const socket = openSocket(server.port)
    const size = 8_000_000
    socket.write(
      `POST /v1/chats HTTP/1.1\r\n${HOST}\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`
    )
    for (let sent = 0; sent < size; sent += 100_000) socket.write('x'.repeat(100_000))
    socket.write(`GET /health HTTP/1.1\r\n${HOST}\r\nConnection: close\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) text += chunk
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(text).toContain('{"status":"ok"}')
  })

  it.each([
    ['text/plain', '{"text":"x"}'],
    ['application/x-www-form-urlencoded', 'text=x'],
    ['application/jsonx', '{"text":"x"}'],
    ['application/problem+json', '{"text":"x"}'],
    ['nonsense', '{"text":"x"}']
  ])('of type %s is 415, and says what to send', async (contentType, body) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const problem = await problemOf(await send(chat, body, contentType, owner))
    expect(problem).toMatchObject({ status: 415, kind: 'unsupported-media-type' })
    expect(problem.detail).toContain('Content-Type: application/json')
  })

  it.each(['application/json', 'APPLICATION/JSON', 'application/json; charset=utf-8', ' application/json '])(
    'of type %s is read',
    async (contentType) => {
      const server = await startServer()
      const { chat, owner } = await createChat(server)
      expect((await send(chat, '{"text":"x"}', contentType, owner)).status).toBe(201)
    }
  )

  it.each([undefined, 'text/plain', 'application/json', 'multipart/form-data', 'nonsense', 'image/png;'])(
    'that is empty is accepted with type %s',
    async (contentType) => {
      const server = await startServer()
      const { owner } = await createChat(server)
      expect((await send(`${server.url}/v1/chats`, undefined, contentType, owner)).status).toBe(201)
      expect((await send(`${server.url}/v1/chats`, '', contentType, owner)).status).toBe(201)
    }
  )

  it('that is empty and chunked is accepted', async () => {
    const server = await startServer()
    const head = ['POST /v1/chats HTTP/1.1', HOST, 'Content-Type: !!!', 'Transfer-Encoding: chunked']
    expect((await rawRequest(server.port, head, '0\r\n\r\n')).status).toBe(201)
  })

  it.each([
    ['cut off', '{"text":"x"'],
    ['no JSON', 'hello'],
    ['with a poisonous member', '{"text":"x","__proto__":{"a":1}}'],
    ['with a poisonous member inside', '{"text":"x","a":[{"__proto__":1}]}'],
    ['not in UTF-8', Buffer.from('{"text":"\xff"}', 'latin1')]
  ])('that is %s is 400', async (_what, body) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    expect(await refusal(await send(chat, body, 'application/json', owner))).toEqual([400, 'broken-json'])
  })

  it('that is compressed is 415', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const answer = await fetch(chat, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync('{"text":"x"}')
    })
    expect(await refusal(answer)).toEqual([415, 'unsupported-media-type'])
  })
})

describe('of two problems', () => {
  const BAD_HOST = 'Host: a b'
  const long = '/nowhere'.padEnd(9000, 'a')
  const length = (body: string) => [`Content-Length: ${Buffer.byteLength(body)}`]
  const big = 'x'.repeat(65_537)
  const json = 'Content-Type: application/json'
  const text = 'Content-Type: text/plain'
  const unknown = `/v1/chats/${'a'.repeat(36)}`
  const bearer = 'Authorization: Bearer 406a3207-a070-4411-b9b6-8527c0c19c7e'

  it.each([
    ['bad Host, long URL', 'bad-host', [`GET ${long} HTTP/1.1`, BAD_HOST], ''],
    ['long URL, unknown path', 'uri-too-long', [`GET ${long} HTTP/1.1`, HOST], ''],
    ['unknown path, too large', 'not-found', ['POST /nowhere HTTP/1.1', HOST, json, ...length(big)], big],
    ['wrong method, too large', 'method-not-allowed', ['PUT /v1/chats HTTP/1.1', HOST, json, ...length(big)], big],
    ['wrong method, wrong type', 'method-not-allowed', ['PUT /v1/chats HTTP/1.1', HOST, text, ...length('x')], 'x'],
    [
      'too large, no type at all',
      'body-too-large',
      [`POST ${unknown} HTTP/1.1`, HOST, 'Content-Type: !!', ...length(big)],
      big
    ],
    ['too large, wrong type', 'body-too-large', [`POST ${unknown} HTTP/1.1`, HOST, text, ...length(big)], big],
    ['wrong type, no user id', 'unsupported-media-type', [`POST ${unknown} HTTP/1.1`, HOST, text, ...length('{')], '{'],
    ['broken JSON, no user id', 'broken-json', [`POST ${unknown} HTTP/1.1`, HOST, json, ...length('{')], '{'],
    ['no user id, no object', 'user-id-required', [`POST ${unknown} HTTP/1.1`, HOST, json, ...length('[]')], '[]'],
    ['no user id, no text', 'user-id-required', [`POST ${unknown} HTTP/1.1`, HOST, json, ...length('{}')], '{}'],
    ['no user id, unknown chat', 'user-id-required', [`GET ${unknown} HTTP/1.1`, HOST], ''],
    [
      'no text, unknown chat',
      'invalid-request',
      [`POST ${unknown} HTTP/1.1`, HOST, json, bearer, ...length('{}')],
      '{}'
    ],
    ['bad limit, unknown chat', 'invalid-request', [`GET ${unknown}?limit=0 HTTP/1.1`, HOST, bearer], ''],
    ['unknown chat, not a member', 'chat-not-found', [`GET ${unknown}?after=9 HTTP/1.1`, HOST, bearer], '']
  ])('%s: %s comes first', async (_faults, kind, head, body) => {
    const server = await startServer()
    expect((await raw(server, head, body))[1]).toBe(kind)
  })

  it('not-a-member comes before cursor-unknown and chat-full', async () => {
    const server = await startServer({ env: { MAX_CHAT_BYTES: '170' } })
    const { chat, owner } = await createChat(server)
    await post(chat, owner, 'x'.repeat(80))
    const { owner: stranger } = await createChat(server)
    expect(await refusal(await call(`${chat}?after=9`, { user: stranger }))).toEqual([403, 'not-a-member'])
    expect(await refusal(await call(chat, { user: stranger, json: { text: 'x'.repeat(80) } }))).toEqual([
      403,
      'not-a-member'
    ])
  })
})

describe('a refusal', () => {
  it('says whether the connection stays open', async () => {
    const server = await startServer()
    const closing = await rawRequest(server.port, ['GET /nope HTTP/1.1', HOST])
    expect(closing.headers.get('connection')).toBe('close')
    const kept = await call(`${server.url}/v1/chats`, { json: [] })
    expect(kept.headers.get('connection')).toBe('keep-alive')
  })
})

describe('a fault of the server', () => {
  it('is 500 without details, which are logged', async () => {
    const server = await startServer({
      wrap: (store) => ({ ...store, load: async () => Promise.reject(new TypeError('the disk is on fire')) })
    })
    const { chat, owner } = await createChat(server)
    const answer = await call(chat, { user: owner })
    const problem = await problemOf(answer)
    expect(problem).toMatchObject({ status: 500, kind: 'internal-error' })
    expect(JSON.stringify(problem)).not.toContain('fire')
    const line = server.log.map((one) => JSON.parse(one)).find(({ level }) => level === 50)
    expect(line).toMatchObject({
      err: { type: 'TypeError', stack: expect.stringContaining('error-handler.test.ts') },
      reqId: expect.any(String)
    })
  })

  it('makes /ready 503 while /health stays 200', async () => {
    const server = await startServer({
      wrap: (store) => ({ ...store, ping: async () => Promise.reject(new Error('gone')) })
    })
    expect((await call(`${server.url}/health`)).status).toBe(200)
    expect(await refusal(await call(`${server.url}/ready`))).toEqual([503, 'store-unreachable'])
  })
})
