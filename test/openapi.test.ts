import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { buildDocument } from '../openapi/document.ts'
import { problemTypes } from '../src/problems.ts'
import { call } from './support/api.ts'
import { startServer } from './support/server.ts'

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
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description: string; content?: Record<string, Media> }>
}
interface Document {
  openapi: string
  security: object[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> }
}

const text = readFileSync(new URL('../openapi/openapi.json', import.meta.url), 'utf8')
const document: Document = JSON.parse(text)
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation }))
)

describe('openapi.json', () => {
  it('is what the server shows; `npm run openapi` writes it', async () => {
    expect(text).toBe(await buildDocument())
  })

  it('is what /docs/json shows, to the letter but for the version', async () => {
    const server = await startServer()
    const shown = await (await call(`${server.url}/docs/json`)).text()
    expect(JSON.parse(shown)).toEqual({ ...document, info: { ...JSON.parse(text).info, version: '0.0.0' } })
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
      'GET /v1/links/{link}',
      'GET /v1/links/{link}/events',
      'HEAD /v1/links/{link}',
      'POST /v1/approval',
      'POST /v1/chats',
      'POST /v1/chats/{chat}',
      'POST /v1/links'
    ])
  })

  it.each(operations)('$name can be used by a stranger', ({ operation }) => {
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

  it('tells of the bearer scheme, and where it is not needed', () => {
    expect(document.components.securitySchemes).toMatchObject({ userId: { type: 'http', scheme: 'bearer' } })
    expect(document.security).toEqual([{ userId: [] }])
    const open = operations.filter(({ operation }) => operation.security?.length === 0)
    expect(open.map(({ operation }) => operation.operationId).sort()).toEqual([
      'checkLink',
      'createChat',
      'getHealth',
      'getReadiness'
    ])
  })

  it('lists every type of problem, and the members that come with some', () => {
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

  it('describes the events of the streams by schemas, and how to follow one with curl', () => {
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

describe('Swagger UI', () => {
  it.each([
    '/docs',
    '/docs/',
    '/docs/static/index.css',
    '/docs/static/swagger-ui-bundle.js',
    '/docs/json',
    '/docs/json/'
  ])('%s is there', async (path) => {
    const server = await startServer()
    expect((await call(`${server.url}${path}`)).status).toBe(200)
  })

  it('loads nothing from elsewhere', async () => {
    const server = await startServer()
    const page = await call(`${server.url}/docs`)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await page.text()).not.toMatch(/(src|href)="https?:/)
  })
})
