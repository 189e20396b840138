/** Answers of nginx itself in front of the server, in each documented configuration. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadSettings } from '../../../src/cli/settings.ts'
import { crossOriginHeaders } from '../../../src/http/response/cors.ts'
import { securityHeadersFor } from '../../../src/http/response/security-headers.ts'
import { Problem, type ProblemKind } from '../../../src/wire/problems.ts'
import { listenOn, openWire } from '../../kit/wire.ts'
import { call, createChat } from '../../support/api.ts'
import { freePort } from '../../support/ports.ts'
import { exchangeBytes, parseAnswer, type RawAnswer } from '../../support/raw.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { startDeployedNginx, startNginx, startNginxForNodes } from '../nginx.ts'

type Start = (port: number) => Promise<{ url: string }>

const CONFIGURATIONS: Readonly<Record<string, Start>> = {
  'of README.md for one server': (port) => startNginx(port),
  'of README.md for several nodes': (port) => startNginxForNodes([port, port]),
  'in deploy/': (port) => startDeployedNginx([`http://127.0.0.1:${port}`, `http://127.0.0.1:${port}`])
}

const KIB = 'x'.repeat(1024)
const REFUSAL_HEADERS = { ...securityHeadersFor(loadSettings({})), ...crossOriginHeaders('*') }

/** Expects a refusal of the server or of nginx to be the same. */
function expectRefusal({ status, headers, body }: RawAnswer, kind: ProblemKind): void {
  expect([status, body]).toEqual([new Problem(kind).status, new Problem(kind).body])
  expectOurHeaders(headers)
}

function expectOurHeaders(headers: Headers): void {
  expect(Object.fromEntries(headers)).toMatchObject({ ...REFUSAL_HEADERS, 'content-type': 'application/problem+json' })
}

/** The server itself never answers 502 or 504. nginx uses the problem type of an internal error for them. */
function expectNoAnswer({ status, headers, body }: RawAnswer, wanted: 502 | 504): void {
  const { type, title } = JSON.parse(new Problem('internal-error').body)
  expect([status, JSON.parse(body)]).toEqual([
    wanted,
    { type, title, status: wanted, detail: expect.stringContaining('Idempotency-Key') }
  ])
  expectOurHeaders(headers)
}

describe.skipIf(!haveAll('nginx')).each(Object.entries(CONFIGURATIONS))('nginx as configured %s', (_name, start) => {
  async function inFrontOfAServer() {
    const server = await startServer()
    const nginx = await start(server.port)
    const port = Number(new URL(nginx.url).port)
    const ask = async (...lines: string[]) =>
      parseAnswer(await exchangeBytes(port, [...lines, 'Connection: close', '', ''].join('\r\n')))
    return { server, nginx, port, ask }
  }

  it('refuses malformed and too large requests like the server', async () => {
    const { ask } = await inFrontOfAServer()
    const HOST = 'Host: localhost'
    expectRefusal(await ask('GET /%zz HTTP/1.1', HOST), 'malformed-request')
    expectRefusal(await ask('G@T / HTTP/1.1', HOST), 'malformed-request')
    expectRefusal(await ask('GET / HTTP/3.0', HOST), 'malformed-request')
    expectRefusal(await ask('GET / HTTP/1.1'), 'malformed-request')
    expectRefusal(await ask('GET / HTTP/1.1', 'Host: a b'), 'malformed-request')
    expectRefusal(await ask('POST /v1/chats HTTP/1.1', HOST, 'Transfer-Encoding: unknown'), 'malformed-request')
    expectRefusal(await ask(`GET /${KIB.repeat(70)} HTTP/1.1`, HOST), 'uri-too-long')
    expectRefusal(await ask('GET /health HTTP/1.1', HOST, `A: ${KIB.repeat(70)}`), 'headers-too-large')
    const headers = ['A', 'B', 'C', 'D'].map((name) => `${name}: ${KIB.repeat(50)}`)
    expectRefusal(await ask('GET /health HTTP/1.1', HOST, ...headers), 'headers-too-large')
    expectRefusal(await ask('POST /v1/chats HTTP/1.1', HOST, 'Content-Length: 65537'), 'body-too-large')
    // The internal location of these answers cannot be requested.
    expectRefusal(await ask('GET /silly-chat-refusal HTTP/1.1', HOST), 'not-found')
  })

  it('refuses TRACE like the server, and lists the allowed methods', async () => {
    const { ask } = await inFrontOfAServer()
    const answer = await ask('TRACE /health HTTP/1.1', 'Host: localhost')
    expectRefusal(answer, 'method-not-allowed')
    const { paths } = JSON.parse(readFileSync(new URL('../../../openapi/openapi.json', import.meta.url), 'utf8'))
    const methods = Object.values<object>(paths).flatMap((path) => Object.keys(path).map((name) => name.toUpperCase()))
    const allowed = (answer.headers.get('allow') ?? '').split(', ')
    expect(new Set(allowed)).toEqual(new Set([...methods, 'HEAD', 'OPTIONS']))
  })

  it('passes requests up to the limits of the server and a little more, which the server refuses', async () => {
    const { nginx, ask } = await inFrontOfAServer()
    expect((await call(`${nginx.url}/health?${KIB.repeat(7)}`)).status).toBe(200)
    expectRefusal(await ask(`GET /health?${KIB.repeat(9)} HTTP/1.1`, 'Host: localhost'), 'uri-too-long')
    expectRefusal(await ask(`GET /health?${KIB.repeat(60)} HTTP/1.1`, 'Host: localhost'), 'uri-too-long')
    expect((await ask('GET /health HTTP/1.1', 'Host: localhost', `A: ${KIB.repeat(60)}`)).status).toBe(200)
    const { chat, owner } = await createChat(nginx)
    // 64 KiB including the JSON around the text.
    const text = 'x'.repeat(65_536 - JSON.stringify({ text: '' }).length)
    const refused = await call(chat, { user: owner, json: { text } })
    expect([refused.status, await refused.json()]).toMatchObject([400, { type: 'urn:silly-chat:invalid-request' }])
    expect((await call(chat, { user: owner, json: { text: `${text}x` } })).status).toBe(413)
  })

  it('reports that the server does not answer, but closes the connection of an EventSource, so that it reconnects', async () => {
    const nginx = await start(await freePort())
    const port = Number(new URL(nginx.url).port)
    const head = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
    expectNoAnswer(parseAnswer(await exchangeBytes(port, `${head}\r\n`)), 502)
    expect(await exchangeBytes(port, `${head}Accept: text/event-stream\r\n\r\n`)).toBe('')
  })

  it('reuses its connections to the server', async () => {
    const { server, nginx } = await inFrontOfAServer()
    let connections = 0
    const wire = await openWire(server.port, { onConnection: () => connections++ })
    onTestFinished(wire.close)
    const counted = await start(wire.port)
    const { chat, owner } = await createChat(nginx)
    const { pathname } = new URL(chat)
    for (let count = 0; count < 20; count++) {
      const posted = await call(`${counted.url}${pathname}`, { user: owner, json: { text: `${count}` } })
      expect(posted.status).toBe(201)
      expect((await call(`${counted.url}${pathname}`, { user: owner })).status).toBe(200)
    }
    // One for each of up to two entries in the upstream.
    expect(connections).toBeLessThanOrEqual(2)
  })
})

describe.skipIf(!haveAll('nginx'))('nginx in front of one server', () => {
  it('answers 504 if the server accepts a request and does not answer in time', async () => {
    const silent = createServer((socket) => void socket.on('error', () => undefined))
    onTestFinished(() => void silent.close())
    const nginx = await startNginx(await listenOn(silent, 0), { readTimeout: '1s' })
    const port = Number(new URL(nginx.url).port)
    const head = 'POST /v1/chats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
    expectNoAnswer(parseAnswer(await exchangeBytes(port, `${head}\r\n`)), 504)
    expect(await exchangeBytes(port, `${head}Accept: text/event-stream\r\n\r\n`)).toBe('')
  })
})

describe.skipIf(!haveAll('nginx', 'openssl'))('over HTTP/2, nginx', () => {
  async function ask(url: string, ca: string, headers: OutgoingHttpHeaders, body = ''): Promise<RawAnswer> {
    const session = connect(url, { ca })
    onTestFinished(() => session.destroy())
    const request = session.request(headers, { endStream: body === '' })
    if (body !== '') request.end(body)
    const [answer]: [IncomingHttpHeaders] = await once(request, 'response').then(([head]) => [head])
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const named = Object.entries(answer).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    return {
      status: Number(answer[':status']),
      headers: new Headers(named.filter(([name]) => !name.startsWith(':'))),
      body: text
    }
  }

  it('refuses requests like the server', async () => {
    const server = await startServer()
    const { url, certificate } = await startNginx(server.port, { tls: true })
    const large = { ':method': 'POST', ':path': '/v1/chats', 'content-type': 'application/json' }
    expectRefusal(await ask(url, certificate, large, KIB.repeat(70)), 'body-too-large')
    expectRefusal(await ask(url, certificate, { ':path': `/${KIB.repeat(9)}` }), 'uri-too-long')
    expectRefusal(await ask(url, certificate, { ':method': 'TRACE', ':path': '/health' }), 'method-not-allowed')
    // An HTTP request to the HTTPS port.
    const plain = await exchangeBytes(Number(new URL(url).port), 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expectRefusal(parseAnswer(plain), 'malformed-request')
  })

  it('reports that the server does not answer', async () => {
    const { url, certificate } = await startNginx(await freePort(), { tls: true })
    expectNoAnswer(await ask(url, certificate, { ':path': '/health' }), 502)
  })
})
