/** Makes the OpenAPI 3.1 document from the schemas of the routes, so that they cannot drift apart. */
import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { createService } from '../src/chat/service.ts'
import { DoorStats } from '../src/chat/stats.ts'
import { loadSettings } from '../src/cli/settings.ts'
import { readVersion } from '../src/cli/version.ts'
import { addApi } from '../src/http/app.ts'
import { OpenBudget } from '../src/http/limits/open-budget.ts'
import { NO_LIMITS } from '../src/http/limits/rate-limits.ts'
import { addValidation, WITHOUT_AJV } from '../src/http/request/validation.ts'
import { serverInfoOf } from '../src/http/routes/server.ts'
import { memoryStore } from '../src/store/memory/memory-store.ts'
import { Hub } from '../src/streams/hub.ts'

const TAGS = [
  { name: 'chats', description: 'Create a chat, post to it, read it and follow it live.' },
  {
    name: 'links',
    description:
      'Invite guests, ask to join, and wait for the decision. A link has a second, shorter URL for people: `/i/{link}`, and everything below it, is the same resource as `/v1/links/{link}`, with every method.'
  },
  { name: 'approval', description: 'Approve or decline a join request.' },
  { name: 'handovers', description: 'Use a chat on another device.' },
  { name: 'operation', description: 'What the server is, and health checks.' }
]

const SECURITY_SCHEMES = {
  owner: {
    type: 'http' as const,
    scheme: 'bearer',
    bearerFormat: 'UUID',
    description: 'The `author_id`, from the answer of `POST /v1/chats`.'
  },
  guest: {
    type: 'http' as const,
    scheme: 'bearer',
    bearerFormat: 'UUID',
    description: 'The `client_id`, from the first answer of `GET /v1/links/{link}`.'
  }
}

/** The document as text. */
export async function buildDocument(): Promise<string> {
  const app: FastifyInstance = Fastify({ ...WITHOUT_AJV })
  addValidation(app)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Silly Chat',
        version: readVersion(),
        description: readFileSync(new URL('description.md', import.meta.url), 'utf8').trim(),
        license: { name: 'MIT', identifier: 'MIT' }
      },
      // The server puts its `PUBLIC_URL` here.
      servers: [{ url: '/', description: 'This server' }],
      tags: TAGS,
      components: { securitySchemes: SECURITY_SCHEMES }
    },
    transform: (route) => {
      const transformed = jsonSchemaTransform(route)
      keepBesidesSchemas(route.schema.response, transformed.schema.response)
      return transformed
    },
    transformObject: (document) => {
      const transformed = jsonSchemaTransformObject(document)
      tidySchemas(transformed)
      tidyOperations(transformed)
      return transformed
    }
  })
  await addApi(app, { ...unused(), limits: NO_LIMITS, budget: new OpenBudget({ total: 0, isLimited: false }) })
  await app.ready()
  const text = `${JSON.stringify(app.swagger(), null, 2)}\n`
  await app.close()
  return text
}

/** What the routes need to be added; none of them is called. */
function unused() {
  const store = memoryStore({ maxChatBytes: 0, maxStoreBytes: 0 })
  const info = serverInfoOf(loadSettings({}), readVersion())
  const service = createService({ store, now: Date.now, chatTtlMs: 0, stats: new DoorStats() })
  const hub = new Hub({
    store,
    applyDueExpiries: service.applyDueExpiries,
    heartbeatMs: 1000,
    maxBufferBytes: 0,
    onFault: () => undefined
  })
  return { service, hub, info }
}

/** Answers can get new members: a document that forbids them would break the clients made from it. */
const zodToJsonConfig = {
  override: ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
  }
}
const jsonSchemaTransform = createJsonSchemaTransform({ zodToJsonConfig })
const jsonSchemaTransformObject = createJsonSchemaTransformObject({ zodToJsonConfig })

/** Of an answer the type provider keeps the description and schemas alone; this adds its headers and examples. */
function keepBesidesSchemas(from: unknown, to: unknown): void {
  if (!isRecord(from) || !isRecord(to)) return
  for (const [key, value] of Object.entries(from)) {
    if (!(key in to)) to[key] = value
    else if (key !== 'schema') keepBesidesSchemas(value, to[key])
  }
}

/** The type provider writes each named schema twice, as input and as output. Removing an unused one can leave another unused. */
function tidySchemas(document: ReturnType<typeof jsonSchemaTransformObject>): void {
  const schemas = ('components' in document && document.components?.schemas) || {}
  let unused: string[]
  do {
    const text = JSON.stringify(document)
    unused = Object.keys(schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`))
    for (const name of unused) delete schemas[name]
  } while (unused.length > 0)
  // By name, because zod lists them as they were made, which depends on what was imported first.
  for (const [name, schema] of Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1))) {
    delete schemas[name]
    schemas[name] = schema
  }
}

/**
 * The parameters of the path come first, as people fill them in. And @fastify/swagger marks the id of every HEAD, because
 * those that Fastify adds by itself repeat the id of the GET.
 */
function tidyOperations({ paths = {} }: ReturnType<typeof jsonSchemaTransformObject>): void {
  for (const methods of Object.values(paths)) {
    for (const [method, operation] of Object.entries<unknown>(methods)) {
      if (!isRecord(operation)) continue
      const { parameters, operationId } = operation
      if (Array.isArray(parameters)) parameters.sort((one, other) => Number(isInPath(other)) - Number(isInPath(one)))
      if (method === 'head') operation['operationId'] = `${operationId}`.replace(/-head$/, '')
    }
  }
}

function isInPath(parameter: unknown): boolean {
  return isRecord(parameter) && parameter['in'] === 'path'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
