/** Which pages of other origins can call the API, and what they can read. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { call, createChat, createLink } from '../../support/api.ts'
import { exchangeBytes, parseAnswer } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const LISTED = 'https://page.example'
const OTHER = 'https://evil.example'

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
}
const { paths }: { paths: Record<string, Record<string, Operation>> } = JSON.parse(
  readFileSync(new URL('../../../openapi/openapi.json', import.meta.url), 'utf8')
)
/** The methods of each path, including undocumented ones. */
const METHODS: [string, string[]][] = [
  ...Object.entries(paths).map(([path, methods]): [string, string[]] => [
    path.replaceAll(/\{\w+\}/g, 'none'),
    Object.keys(methods).map((method) => method.toUpperCase())
  ]),
  ['/i/none', ['GET', 'HEAD', 'DELETE']],
  ['/i/none/events', ['GET']],
  ['/i/none/request', ['DELETE']],
  ...['/', '/docs', '/docs/json', '/openapi.yaml', '/docs/static/style.css'].map((path): [string, string[]] => [
    path,
    ['GET', 'HEAD']
  ])
]

const namesIn = (list: string | null) => (list ?? '').split(', ').sort()

/** Answers of every kind to a page of this origin. */
async function answersTo(server: TestServer, origin: string): Promise<[string, number, Headers][]> {
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const headers = { origin }
  const asked: [string, Promise<{ status: number; headers: Headers }>][] = [
    ['a new chat', call(`POST ${server.url}/v1/chats`, { headers })],
    ['a post', call(chat, { user: owner, json: { text: 'hello' }, headers })],
    ['the history', call(chat, { user: owner, headers })],
    ['a stream', openStream(`${chat}/events`, { user: owner, headers }).then(({ response }) => response)],
    ['a knock', call(link, { headers })],
    ['401', call(chat, { headers })],
    ['403', call(chat, { user: '3b241101-e2bb-4255-8caf-4136c566a962', headers })],
    ['404', call(`${server.url}/nowhere`, { headers })],
    ['405', call(`PUT ${chat}`, { headers })],
    ['413', call(chat, { user: owner, json: { text: 'x'.repeat(70_000) }, headers })],
    ['414', call(`${chat}?${'x'.repeat(9000)}`, { headers })],
    ['415', call(`POST ${chat}`, { headers: { ...headers, 'content-type': 'text/plain' } })],
    ['a bad Host', raw(server, 'GET /health HTTP/1.1', 'Host: a/b', `Origin: ${origin}`)],
    ['the document', call(`${server.url}/docs/json`, { headers })]
  ]
  return Promise.all(
    asked.map(async ([what, answer]): Promise<[string, number, Headers]> => {
      const { status, headers: given } = await answer
      return [what, status, given]
    })
  )
}

async function raw({ port }: TestServer, ...lines: string[]) {
  return parseAnswer(await exchangeBytes(port, `${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`))
}

function preflight(url: string, origin: string, more: Record<string, string> = {}): Promise<Response> {
  const asking = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
  return call(`OPTIONS ${url}`, { headers: { origin, ...asking, ...more } })
}

describe('CORS_ORIGIN=*', () => {
  it('lets every page read every answer, without cookies', async () => {
    const server = await startServer()
    for (const [what, , headers] of await answersTo(server, OTHER)) {
      expect([what, headers.get('access-control-allow-origin')]).toEqual([what, '*'])
      expect(headers.get('access-control-allow-credentials')).toBeNull()
      expect(headers.get('vary') ?? '').not.toContain('Origin')
      expect(namesIn(headers.get('access-control-expose-headers'))).toEqual([
        'Allow',
        'Location',
        'RateLimit-Limit',
        'RateLimit-Remaining',
        'RateLimit-Reset',
        'Retry-After',
        'WWW-Authenticate'
      ])
    }
  })

  it('lets every page read refusals below Fastify, too', async () => {
    const server = await startServer()
    for (const head of ['nonsense', `GET /${'x'.repeat(99_999)} HTTP/1.1`]) {
      const { headers } = await raw(server, head)
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.get('access-control-expose-headers')).toMatch(/Retry-After/)
    }
  })

  it("lets every page send the API's headers, and caches preflights for a day", async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const { status, headers } = await preflight(chat, OTHER)
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(namesIn(headers.get('access-control-allow-methods'))).toEqual([
      'DELETE',
      'GET',
      'HEAD',
      'OPTIONS',
      'PATCH',
      'POST'
    ])
    expect(namesIn(headers.get('access-control-allow-headers'))).toEqual([
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'Last-Event-ID'
    ])
    expect(headers.get('access-control-max-age')).toBe('86400')
  })

  it.each(METHODS)('lets every page use the methods of %s: %j', async (path, methods) => {
    const server = await startServer()
    const { status, headers } = await preflight(`${server.url}${path}`, OTHER)
    expect(status).toBe(204)
    const allowed = namesIn(headers.get('access-control-allow-methods'))
    expect(allowed).toEqual(expect.arrayContaining(methods))
    expect(allowed).toEqual(namesIn(headers.get('allow')))
  })

  it('lets every page send every header that an operation reads', async () => {
    const server = await startServer()
    const { headers } = await preflight(`${server.url}/v1/chats/none`, OTHER)
    const allowed = namesIn(headers.get('access-control-allow-headers')?.toLowerCase() ?? null)
    const read = Object.values(paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ parameters = [] }) => parameters.filter((one) => one.in === 'header').map(({ name }) => name))
    expect(read).toContain('idempotency-key')
    expect(allowed).toEqual(expect.arrayContaining(['authorization', 'content-type', ...read]))
  })

  it('answers a preflight for a path that does not exist with 404', async () => {
    const server = await startServer()
    expect((await preflight(`${server.url}/v1/nowhere`, OTHER)).status).toBe(404)
  })

  it('does not open a private network to public pages', async () => {
    const server = await startServer()
    const { headers } = await preflight(server.url, OTHER, { 'access-control-request-private-network': 'true' })
    expect(headers.get('access-control-allow-private-network')).toBeNull()
  })
})

describe('a list in CORS_ORIGIN', () => {
  const env = { CORS_ORIGIN: `https://first.example,${LISTED}` }

  it('answers a listed origin with that origin, and varies by Origin', async () => {
    const server = await startServer({ env })
    for (const [what, , headers] of await answersTo(server, LISTED)) {
      expect([what, headers.get('access-control-allow-origin')]).toEqual([what, LISTED])
      expect(headers.get('access-control-expose-headers')).toMatch(/Location/)
      expect(headers.get('vary')).toMatch(/\bOrigin\b/)
    }
    const known = await call((await createChat(server)).chat, { headers: { origin: LISTED } })
    expect(known.headers.get('vary')).toBe('Origin, Accept')
    const { headers } = await preflight(`${server.url}/v1/chats`, LISTED)
    expect(headers.get('access-control-allow-origin')).toBe(LISTED)
    expect(headers.get('access-control-allow-headers')).toMatch(/Authorization/)
  })

  it.each([OTHER, 'null', `${LISTED}.evil.example`, 'http://page.example', LISTED.toUpperCase()])(
    'answers %s without the headers, and varies by Origin',
    async (origin) => {
      const server = await startServer({ env })
      const answers = await answersTo(server, origin)
      const asked = await preflight(`${server.url}/v1/chats`, origin)
      for (const [what, , headers] of [...answers, ['a preflight', 204, asked.headers] as const]) {
        expect([what, [...headers.keys()].filter((name) => name.startsWith('access-control-'))]).toEqual([what, []])
        expect(headers.get('vary')).toMatch(/\bOrigin\b/)
      }
      expect([asked.status, asked.headers.get('allow')]).toEqual([204, 'OPTIONS, POST'])
    }
  )

  it('adds no header below Fastify, where the origin is not known', async () => {
    const server = await startServer({ env })
    const { headers } = await raw(server, 'nonsense', `Origin: ${LISTED}`)
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })
})
