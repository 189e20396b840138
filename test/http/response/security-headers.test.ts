/** The security headers of every route, page, file, stream and refusal. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { approve, call, createChat, createLink, knock } from '../../support/api.ts'
import { exchangeBytes, parseAnswer } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

/** On every answer. */
const ALWAYS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'Allow, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, WWW-Authenticate'
}
/** On pages and their files. */
const SHOWN = {
  ...ALWAYS,
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'x-dns-prefetch-control': 'off',
  'x-frame-options': 'DENY',
  'x-robots-tag': 'noindex, nofollow'
}
const PAGE = {
  ...SHOWN,
  'content-security-policy':
    "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';require-trusted-types-for 'script';trusted-types 'none'"
}
const DOCS = {
  ...SHOWN,
  'content-security-policy':
    "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none';script-src 'self';style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w=';img-src 'self' data:;connect-src 'self'"
}
const KINDS: Record<string, Record<string, string>> = {
  answer: { ...ALWAYS, 'cross-origin-resource-policy': 'cross-origin', 'cache-control': 'no-store' },
  stream: { ...ALWAYS, 'cross-origin-resource-policy': 'cross-origin', 'cache-control': 'no-store, no-transform' },
  page: { ...PAGE, 'cache-control': 'no-store' },
  asset: { ...PAGE, 'cache-control': 'public, max-age=31536000, immutable' },
  picture: {
    ...PAGE,
    'cross-origin-resource-policy': 'cross-origin',
    'cache-control': 'public, max-age=31536000, immutable'
  },
  docs: { ...DOCS, 'cache-control': 'no-store' },
  'file of docs': { ...DOCS, 'cache-control': 'public, max-age=0' }
}
const HSTS = 'strict-transport-security'
const NAMES = new Set([...Object.values(KINDS).flatMap(Object.keys), HSTS])
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

type Answer = { readonly status: number; readonly headers: Headers }
/** A name, the status, the kind of the answer, and the request. */
type Row = readonly [what: string, status: number, kind: string, ask: () => Promise<Answer>]

const { paths }: { paths: Record<string, object> } = JSON.parse(
  readFileSync(new URL('../../../openapi/openapi.json', import.meta.url), 'utf8')
)

/** The answers to requests without a user id; all others are 401. */
const STRANGERS: Record<string, number> = {
  'POST /v1/chats': 201,
  'GET /health': 200,
  'GET /ready': 200,
  'GET /v1/server': 200,
  'POST /v1/links': 400,
  'POST /v1/handovers': 400,
  'POST /v1/handovers/{handover}': 404,
  'GET /v1/approval': 400,
  'GET /v1/links/{link}': 404,
  'HEAD /v1/links/{link}': 404
}

/** Every operation of the OpenAPI document. */
function byStrangers({ url }: TestServer): Row[] {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  )
  return operations.map((operation): Row => {
    const target = operation.replace(' ', ` ${url}`).replaceAll(/\{\w+\}/g, 'none')
    return [operation, STRANGERS[operation] ?? 401, 'answer', () => call(target)]
  })
}

/** Requests that are not refused. */
async function byMembers(server: TestServer): Promise<Row[]> {
  const { url } = server
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const forPeople = link.replace('/v1/links/', '/i/')
  const { client } = await knock(link)
  const other = await createLink(chat, owner)
  const stream = async (target: string, user: string) => (await openStream(target, { user })).response
  return [
    ['a post', 201, 'answer', () => call(chat, { user: owner, json: { text: 'hello' } })],
    ['the history', 200, 'answer', () => call(chat, { user: owner })],
    ['the links', 200, 'answer', () => call(`${chat}/links`, { user: owner })],
    ['a new link', 201, 'answer', () => call(`${url}/v1/links`, { json: { chat } })],
    ['a knock', 202, 'answer', () => call(other)],
    ['a prefetch', 204, 'answer', () => call(other, { headers: { 'sec-purpose': 'prefetch' } })],
    ['a stream of the owner', 200, 'stream', () => stream(`${chat}/events`, owner)],
    ['a stream of a guest', 200, 'stream', () => stream(`${link}/events`, client)],
    ['an approval', 200, 'answer', () => approve(link, owner)],
    ['a link revoked', 204, 'answer', () => call(`DELETE ${other}`, { user: owner })],
    ['a link that was revoked', 410, 'answer', () => call(other)],
    ['a chat in a browser', 200, 'page', () => call(chat, { headers: BROWSER })],
    ['a link in a browser', 200, 'page', () => call(link, { headers: BROWSER })],
    ['a link in its form for people in a browser', 200, 'page', () => call(forPeople, { headers: BROWSER })],
    ['a link in a preview', 200, 'page', () => call(link, { headers: { 'user-agent': 'WhatsApp/2.1' } })]
  ]
}

function shown({ url }: TestServer): Row[] {
  const files = readdirSync(new URL('../../../dist/web/assets/', import.meta.url)).filter(
    (name) => !/\.(br|gz)$/.test(name)
  )
  const docs = ['icon.svg', 'initializer.js', 'style.css', 'swagger-ui.css', 'swagger-ui-bundle.js']
  return [
    ['the start page', 200, 'page', () => call(url)],
    ...files.map((name): Row => {
      const kind = name.endsWith('.png') ? 'picture' : 'asset'
      return [name, 200, kind, () => call(`${url}/assets/${name}`)]
    }),
    ['no asset', 404, 'page', () => call(`${url}/assets/none.js`)],
    ['Swagger UI', 200, 'docs', () => call(`${url}/docs`)],
    ...['/docs/json', '/docs/yaml', '/openapi.json', '/openapi.yaml'].map(
      (path): Row => [path, 200, 'docs', () => call(`${url}${path}`)]
    ),
    ['no file of Swagger UI', 404, 'docs', () => call(`${url}/docs/static/index.html`)],
    ...docs.map((name): Row => [name, 200, 'file of docs', () => call(`${url}/docs/static/${name}`)])
  ]
}

/** Refusals, in the order of the checks; the last ones are below Fastify. */
function refused({ url, port }: TestServer): Row[] {
  const chat = `${url}/v1/chats/none`
  const raw = async (...lines: string[]) => parseAnswer(await exchangeBytes(port, `${lines.join('\r\n')}\r\n\r\n`))
  const type = (name: string) => ({ headers: { 'content-type': name } })
  return [
    ['a bad Host', 400, 'answer', () => raw('GET /health HTTP/1.1', 'Host: a/b', 'Connection: close')],
    ['too long a URL', 414, 'answer', () => call(`${url}/${'x'.repeat(9000)}`)],
    ['an unknown path', 404, 'answer', () => call(`${url}/v1/nowhere`)],
    ['an unknown path in a browser', 404, 'answer', () => call(`${url}/v1/nowhere`, { headers: BROWSER })],
    ['a wrong method', 405, 'answer', () => call(`PUT ${chat}`)],
    ['OPTIONS', 204, 'answer', () => call(`OPTIONS ${chat}`)],
    ['too large a body', 413, 'answer', () => call(chat, { json: 'x'.repeat(70_000) })],
    ['another media type', 415, 'answer', () => fetch(chat, { method: 'POST', body: 'x', ...type('text/plain') })],
    ['broken JSON', 400, 'answer', () => fetch(chat, { method: 'POST', body: '{', ...type('application/json') })],
    ['no user id', 401, 'answer', () => call(chat)],
    [
      'too many headers',
      431,
      'answer',
      () => raw('GET / HTTP/1.1', 'Host: a', ...Array(90).fill(`X: ${'x'.repeat(999)}`))
    ],
    ['a URL that is far too long', 414, 'answer', () => raw(`GET /${'x'.repeat(99_999)} HTTP/1.1`, 'Host: a')],
    ['no HTTP', 400, 'answer', () => raw('nonsense')]
  ]
}

/** For every row its name, and its security headers. */
async function scan(rows: readonly Row[]) {
  const found: [string, number, Record<string, string>][] = []
  for (const [what, , , ask] of rows) {
    const answer = await ask()
    const headers = [...answer.headers].filter(([name]) => NAMES.has(name))
    found.push([what, answer.status, Object.fromEntries(headers)])
  }
  return found
}

async function everything(server: TestServer): Promise<Row[]> {
  return [...byStrangers(server), ...(await byMembers(server)), ...shown(server), ...refused(server)]
}

it('every answer has exactly the security headers of its kind', async () => {
  const server = await startServer()
  const rows = await everything(server)
  expect(rows.length).toBeGreaterThan(50)
  expect(await scan(rows)).toEqual(rows.map(([what, status, kind]) => [what, status, KINDS[kind]]))
})

it('every answer has Strict-Transport-Security if PUBLIC_URL is https, and none otherwise', async () => {
  const server = await startServer({ env: { PUBLIC_URL: 'https://localhost/silly' } })
  const rows = [...byStrangers(server), ...shown(server), ...refused(server)]
  const found = (await scan(rows)).map(([what, , headers]) => [what, headers[HSTS]])
  expect(found).toEqual(rows.map(([what]) => [what, 'max-age=31536000']))
})

/** Types with a charset, and types without. */
const CHARSET = /^(text\/(html|css|plain)|application\/(json|javascript|yaml)); charset=utf-8$/
const WITHOUT = new Set(['application/problem+json', 'image/png', 'image/svg+xml'])

it('every text answer names its charset', async () => {
  const server = await startServer()
  const more: Row[] = [
    ['the document in YAML', 200, 'docs', () => call(`${server.url}/docs/yaml`)],
    ['nothing in a browser', 404, 'page', () => call(`${server.url}/nowhere`, { headers: BROWSER })],
    ['no asset in a browser', 404, 'page', () => call(`${server.url}/assets/none.js`, { headers: BROWSER })]
  ]
  // The tests of streams check streams.
  const rows = [...(await everything(server)), ...more].filter(([, , kind]) => kind !== 'stream')
  const wrong: string[] = []
  const seen = new Set<string>()
  for (const [what, , , ask] of rows) {
    const type = (await ask()).headers.get('content-type')
    // 204 has no body and no type.
    if (type !== null) seen.add(type)
    if (type !== null && !CHARSET.test(type) && !WITHOUT.has(type)) wrong.push(`${what}: ${type}`)
  }
  expect(wrong).toEqual([])
  expect([...seen].filter((type) => CHARSET.test(type)).sort()).toEqual([
    'application/javascript; charset=utf-8',
    'application/json; charset=utf-8',
    'application/yaml; charset=utf-8',
    'text/css; charset=utf-8',
    'text/html; charset=utf-8'
  ])
})
