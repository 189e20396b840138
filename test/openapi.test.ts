import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { buildDocument } from '../openapi/document.ts'
import { problemTypes } from '../src/wire/problems.ts'
import { call } from './support/api.ts'
import { exchangeBytes, parseAnswer } from './support/raw.ts'
import { startServer } from './support/server.ts'

interface Parameter {
  name: string
  in: string
  required?: boolean
  description?: string
  schema: object
}

interface Media {
  schema?: unknown
  example?: unknown
}
interface Operation {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  security?: object[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description: string; content?: Record<string, Media> }>
}
interface Document {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> }
}

const bodySchema = z.object({ example: z.record(z.string(), z.unknown()), required: z.array(z.string()).default([]) })

const text = readFileSync(new URL('../openapi/openapi.json', import.meta.url), 'utf8')
const document: Document = JSON.parse(text)
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation }))
)

describe('openapi.json', () => {
  it('is what the server serves; `npm run openapi` writes it', async () => {
    expect(text).toBe(await buildDocument())
  })

  it.each([
    [undefined, '/'],
    ['https://chat.example/silly', 'https://chat.example/silly']
  ])('is what the server sends, with its own version and, for PUBLIC_URL %s, the server %s', async (own, url) => {
    const server = await startServer({ env: own === undefined ? {} : { PUBLIC_URL: own } })
    const [server1] = JSON.parse(text).servers
    const expected = {
      ...document,
      info: { ...JSON.parse(text).info, version: '0.0.0' },
      servers: [{ ...server1, url }]
    }
    const load = async (path: string) => {
      const answer = await call(`${server.url}${path}`)
      return [answer.headers.get('content-type'), await answer.text()]
    }
    const [json, sameJson, slashJson, yaml, sameYaml] = await Promise.all(
      ['/openapi.json', '/docs/json', '/openapi.json/', '/openapi.yaml', '/docs/yaml'].map(load)
    )
    expect([sameJson, slashJson, sameYaml]).toEqual([json, json, yaml])
    expect([json?.[0], yaml?.[0]]).toEqual(['application/json; charset=utf-8', 'application/yaml; charset=utf-8'])
    expect(JSON.parse(json?.[1] ?? '')).toEqual(expected)
    for (const version of ['1.1', '1.2'] as const) expect(parse(yaml?.[1] ?? '', { version })).toEqual(expected)
  })

  it('has every operation', () => {
    expect(operations.map(({ name }) => name).sort()).toEqual([
      'DELETE /v1/chats/{chat}',
      'DELETE /v1/links/{link}',
      'DELETE /v1/links/{link}/request',
      'GET /health',
      'GET /ready',
      'GET /v1/approval',
      'GET /v1/chats/{chat}',
      'GET /v1/chats/{chat}/events',
      'GET /v1/chats/{chat}/join-requests',
      'GET /v1/chats/{chat}/links',
      'GET /v1/chats/{chat}/members',
      'GET /v1/links/{link}',
      'GET /v1/links/{link}/events',
      'GET /v1/server',
      'HEAD /v1/links/{link}',
      'PATCH /v1/chats/{chat}',
      'POST /v1/approval',
      'POST /v1/chats',
      'POST /v1/chats/{chat}',
      'POST /v1/handovers',
      'POST /v1/handovers/{handover}',
      'POST /v1/links'
    ])
  })

  it.each(operations)('$name is described so that a stranger can use it', ({ operation }) => {
    expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/)
    expect(operation.summary).toBeTruthy()
    expect(operation.description).toBeTruthy()
    expect(operation.tags).toHaveLength(1)
    for (const [status, { description, content = {} }] of Object.entries(operation.responses)) {
      expect(description).not.toBe('Default Response')
      if (Number(status) >= 400) expect(Object.keys(content)).toEqual(['application/problem+json'])
      for (const media of Object.values(content)) expect(media).toHaveProperty('example')
    }
    for (const [type, media] of Object.entries(operation.requestBody?.content ?? {})) {
      expect(type).toBe('application/json')
      expect(JSON.stringify(media)).toContain('"example')
    }
  })

  it('has bearer schemes for the owner and for guests, and names them for each operation', () => {
    const bearer = { type: 'http', scheme: 'bearer' }
    expect(document.components.securitySchemes).toMatchObject({ owner: bearer, guest: bearer })
    const named = operations.map(({ operation: { operationId, security } }) => [
      operationId,
      security?.map((schemes) => Object.keys(schemes).join(' and ') || 'nobody').join(', ')
    ])
    expect(Object.fromEntries(named)).toEqual({
      getHealth: '',
      getReadiness: '',
      getServer: '',
      createChat: '',
      postMessage: 'owner, guest',
      readChat: 'owner, guest',
      followChat: 'owner, guest',
      changeChat: 'owner',
      closeChat: 'owner',
      listMembers: 'owner, guest',
      listLinks: 'owner',
      listJoinRequests: 'owner',
      createLink: 'owner, guest, nobody',
      exchangeLink: 'guest, nobody, owner',
      checkLink: '',
      revokeLink: 'owner',
      leave: 'guest',
      followLink: 'guest',
      getApproval: 'guest, nobody, owner',
      approve: 'owner',
      createHandover: '',
      takeHandover: ''
    })
  })

  it.each(operations)('$name describes each parameter, and has none that Swagger UI would fill in', ({ operation }) => {
    for (const parameter of operation.parameters ?? []) {
      expect(parameter.description).toMatch(/\.$/)
      for (const key of ['example', 'examples', 'default']) expect(JSON.stringify(parameter)).not.toContain(`"${key}":`)
    }
  })

  it('has no examples for optional members of bodies', () => {
    const bodies = operations.flatMap(({ name, operation: { requestBody } }) => {
      const schema: unknown = requestBody?.content['application/json']?.schema
      return schema === undefined ? [] : [{ name, ...bodySchema.parse(schema) }]
    })
    expect(bodies.length).toBeGreaterThan(2)
    for (const { name, example, required } of bodies) expect([name, Object.keys(example)]).toEqual([name, required])
  })

  it('lists every problem type and its members', () => {
    expect(document.components.schemas['Problem']).toMatchObject({
      properties: {
        type: { enum: problemTypes },
        state: {},
        request_id: { type: 'string' },
        client_id: { type: 'string', format: 'uuid' }
      },
      required: ['type', 'title', 'status', 'detail']
    })
    expect(problemTypes).toContain('urn:silly-chat:link-not-found')
    const named = new Set(JSON.stringify(document.paths).match(/urn:silly-chat:[a-z-]+/g))
    expect([...named].filter((type) => !problemTypes.includes(type))).toEqual([])
  })

  it('has schemas for the events of streams, and says how to follow one with curl', () => {
    for (const [id, events] of [
      ['followChat', ['message', 'join_request', 'join_approved', 'ready', 'reset']],
      ['followLink', ['approval']]
    ] as const) {
      const operation = operations.find(({ operation }) => operation.operationId === id)?.operation
      const media = operation?.responses['200']?.content?.['text/event-stream']
      expect(media?.schema).toMatchObject({ contentSchema: { $ref: expect.stringMatching(/Events$/) } })
      expect(operation?.description).toContain('curl -N')
      const schemas = JSON.stringify(document.components.schemas)
      for (const event of events) expect(schemas).toContain(`"${event}"`)
    }
  })
})

/** Other files that exist in the folders of these files, or could. */
const OTHERS = [
  'static',
  'static/',
  'static/index.html',
  'static/index.css',
  'static/logo.svg',
  'static/openapi.json',
  'static/oauth2-redirect.html',
  'static/swagger-initializer.js',
  'static/swagger-ui-standalone-preset.js',
  'static/../package.json',
  'static/%2e%2e/index.js',
  'static/..%2findex.js',
  'static/style.css/',
  'index.html'
]
const ALLOWED = ['GET', 'HEAD', 'OPTIONS']
/** The files of the page. */
const FILES = ['icon.svg', 'initializer.js', 'style.css', 'swagger-ui-bundle.js', 'swagger-ui.css']

describe('Swagger UI', () => {
  it.each(['/docs', '/docs/', '/docs?a=/', '/docs/?a=b'])('%s names only files beside it', async (path) => {
    const { url } = await startServer({ env: { PUBLIC_URL: 'https://chat.example/silly' } })
    const page = await call(`${url}${path}`)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    const html = await page.text()
    expect(html).toContain('<title>Silly Chat API</title>')
    expect(html).not.toMatch(/<style|<script>| style=| on\w+=/)
    const named = [...html.matchAll(/<(?:script|link)\b[^>]* (?:src|href)="([^"]+)"/g)].map(([, name = '']) => name)
    // It must work under every path that a proxy strips.
    const base = `https://chat.example/silly${path}`
    const resolved = named.map((name) => new URL(name, base).href)
    expect(resolved.sort()).toEqual(FILES.map((file) => `https://chat.example/silly/docs/static/${file}`))
    for (const file of resolved) {
      const { status } = await call(file.replace('https://chat.example/silly', url))
      expect([file, status]).toEqual([file, 200])
    }
  })

  it('serves no other files of its folders, and does not redirect', async () => {
    const { port } = await startServer({ env: { PUBLIC_URL: 'https://chat.example/silly' } })
    for (const path of OTHERS) {
      const request = `GET /docs/${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
      const { status, headers } = parseAnswer(await exchangeBytes(port, request))
      const type = headers.get('content-type')?.split(';')[0]
      expect([path, status, headers.get('location'), type]).toEqual([path, 404, null, 'application/problem+json'])
    }
  })

  it('has HEAD, and refuses other methods', async () => {
    const { url } = await startServer()
    for (const path of ['/docs', '/openapi.json', '/openapi.yaml', '/docs/static/style.css']) {
      const head = await call(`HEAD ${url}${path}`)
      expect([path, head.status, await head.text()]).toEqual([path, 200, ''])
      const post = await call(`POST ${url}${path}`)
      expect([path, post.status, post.headers.get('allow')?.split(', ').sort()]).toEqual([path, 405, ALLOWED])
    }
  })
})
