/** The OpenAPI 3.1 document and Swagger UI: made from the schemas of the routes, so that they cannot drift apart. */
import type { FastifyInstance } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { addOnDemand, load } from './on-demand.ts'
import { addPageHeaders, type Policy } from './safe-headers.ts'

const DESCRIPTION = `A chat that needs no accounts and still lets its owner decide who comes in.

**The walk.** \`POST /v1/chats\` creates a chat and makes you its owner (\`author_id\`). \`POST /v1/links\` makes a link; send it to a friend. The friend opens it (\`GET /v1/links/:link\`), which knocks at the door: the owner is told on the chat's live stream, and the friend gets a \`client_id\`. \`POST /v1/approval\` lets the friend in, who is told on the link's live stream. Both post to and read the chat.

**Who you are.** Send your user id, an \`author_id\` or a \`client_id\`, as \`Authorization: Bearer <user id>\`; where a client cannot, as \`user_id\` in the query of a GET or in the JSON body of a POST. The header wins. A user id is a secret. Missing or malformed it is 401, without the right 403.

**Refusals** are \`application/problem+json\` (RFC 9457); switch on \`type\`. They come in the order: bad Host 400, 414, 404 for an unknown path, 405, 429 for asking too often and 503 for an overloaded server, 413, 415, broken JSON 400, 401, other 400, 404, 403, and then 409, 410, 422 and 429 for too many who wait or too many streams of one user. Answers that are limited carry \`RateLimit-Limit\`, \`RateLimit-Remaining\` and \`RateLimit-Reset\`, a 429 also \`Retry-After\`.

**Where the contract is silent.** An empty query parameter counts as none, but an empty \`user_id\` is 401. A body that is sent must be a JSON object, also where none is needed. The state of who is in without a request at a link, the owner or a member who came through another link, is \`approved\`. \`decided_at\` is when the state last changed; a request that ends with its link is decided at that instant. Approving a declined request whose link has ended is 409 \`request-closed\` with the state \`declined\`. A link that has ended stays in the list and answers 410 as long as a request that came through it is kept, and otherwise until 200 others have ended after it; then it is 404. A log keeps the latest 1,000 join events: an owner's cursor from before those gets \`reset\`. \`expires_in\` and \`max_guests\` may be null for none. A chat that never had an event ends after a day, or after \`CHAT_TTL_SECONDS\` if that is less. An unknown \`request_id\` is 404 before a missing right is 403, also when only asking. A compressed body is 415; headers of more than 64 KiB are 431; a request that has not arrived whole after 30 seconds is 408. OPTIONS on a known path is 204 with \`Allow\`. A preflight that asks to reach a private network (\`Access-Control-Request-Private-Network\`) is not told that it may. A \`name\` is counted in UTF-16 code units, like a text. A guest who closes the sending side of the connection while waiting counts as hung up. While the server stops, a request that accepts text/event-stream loses its connection instead of being refused, since an EventSource comes back only then. Every path answers with and without a trailing slash.`

const TAGS = [
  { name: 'chats', description: 'Create a chat, post to it, read it and follow it.' },
  { name: 'links', description: 'Invite somebody; open an invitation; wait at the door.' },
  { name: 'approval', description: 'Let a guest in.' },
  { name: 'operation', description: 'For who runs the server.' }
]

export interface OpenApiOptions {
  readonly version: string
  readonly publicUrl: string | undefined
  /** Adds the routes that are documented. */
  readonly addApi: (app: FastifyInstance) => Promise<void>
}

/** Answers may get new members: a document that forbids them would break the clients made from it. */
const zodToJsonConfig = {
  override: ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
  }
}
const jsonSchemaTransform = createJsonSchemaTransform({ zodToJsonConfig })
const jsonSchemaTransformObject = createJsonSchemaTransformObject({ zodToJsonConfig })

/** Where they are. */
const PATHS = ['/docs', '/docs/json', '/docs/yaml', '/docs/static/*']

export function addOpenApi(app: FastifyInstance, options: OpenApiOptions): void {
  addOnDemand(app, PATHS, (inner) => addDocs(inner, options))
}

async function addDocs(app: FastifyInstance, { version, publicUrl, addApi }: OpenApiOptions): Promise<void> {
  const swagger: typeof import('@fastify/swagger').default = load('@fastify/swagger')
  const swaggerUi: typeof import('@fastify/swagger-ui').default = load('@fastify/swagger-ui')
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Silly Chat',
        version,
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' }
      },
      servers: [{ url: publicUrl ?? '/', description: 'This server' }],
      tags: TAGS,
      security: [{ userId: [] }],
      components: {
        securitySchemes: {
          userId: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'UUID',
            description: 'An author_id or a client_id.'
          }
        }
      }
    },
    transform: (route) => {
      const transformed = jsonSchemaTransform(route)
      keepBesidesSchemas(route.schema.response, transformed.schema.response)
      return transformed
    },
    transformObject: (document) => {
      const transformed = jsonSchemaTransformObject(document)
      tidySchemas(transformed)
      keepHeadIds(transformed)
      return transformed
    }
  })
  await addApi(app)
  await app.register(async (docs) => {
    await addPageHeaders(docs, {
      ...UI_POLICY,
      'connect-src': ["'self'", ...(publicUrl === undefined ? [] : [new URL(publicUrl).origin])]
    })
    // The plugin leaves its charset out.
    docs.addHook('onSend', async (_request, reply) => {
      if (reply.getHeader('content-type') === YAML) reply.type(`${YAML}; charset=utf-8`)
    })
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      ...(publicUrl !== undefined && { indexPrefix: new URL(publicUrl).pathname }),
      // No request leaves for a validator elsewhere, and no user id is kept by the page.
      uiConfig: { tryItOutEnabled: true, validatorUrl: null, persistAuthorization: false }
    })
  })
}

const YAML = 'application/x-yaml'

/** What Swagger UI does. It has icons in its styles, and one style of its own that is no file. */
const UI_POLICY: Policy = {
  'script-src': ["'self'"],
  'style-src': ["'self'", "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"],
  'img-src': ["'self'", 'data:']
}

/** The type provider keeps of an answer its description and schemas; headers and examples are as good. */
function keepBesidesSchemas(from: unknown, to: unknown): void {
  if (!isRecord(from) || !isRecord(to)) return
  for (const [key, value] of Object.entries(from)) {
    if (!(key in to)) to[key] = value
    else if (key !== 'schema') keepBesidesSchemas(value, to[key])
  }
}

/** The type provider writes each named schema twice, as input and as output; one unused may be all that uses another. */
function tidySchemas(document: ReturnType<typeof jsonSchemaTransformObject>): void {
  const schemas = ('components' in document && document.components?.schemas) || {}
  let unused: string[]
  do {
    const text = JSON.stringify(document)
    unused = Object.keys(schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`))
    for (const name of unused) delete schemas[name]
  } while (unused.length > 0)
  // By name: zod lists them as they were made, which depends on what was imported first.
  for (const [name, schema] of Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1))) {
    delete schemas[name]
    schemas[name] = schema
  }
}

/** @fastify/swagger marks the id of every HEAD, since those that Fastify adds by itself repeat the id of the GET. */
function keepHeadIds(document: ReturnType<typeof jsonSchemaTransformObject>): void {
  for (const { head } of Object.values(('paths' in document && document.paths) || {})) {
    if (head?.operationId !== undefined) head.operationId = head.operationId.replace(/-head$/, '')
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
