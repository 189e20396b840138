/** The order in which a request meets the plugins is held at the start, and is the order of refusals. */
import Fastify, { type FastifyPluginCallback } from 'fastify'
import { describe, expect, it } from 'vitest'
import { crossSite } from '../../src/http/request/cross-site.ts'
import { knownPaths } from '../../src/http/request/known-paths.ts'
import { misplacedInput } from '../../src/http/request/member-names.ts'
import { userIds } from '../../src/http/request/user-id.ts'
import { brokenOff } from '../../src/http/server/broken-off.ts'
import { rawRequest } from '../support/raw.ts'
import { startServer } from '../support/server.ts'

const BEARER = `Authorization: Bearer ${crypto.randomUUID()}`

describe('a plugin that is registered before one it depends on', () => {
  const tooEarly: Record<string, FastifyPluginCallback> = { crossSite, knownPaths, misplacedInput, userIds, brokenOff }

  it.each(Object.entries(tooEarly))('%s stops the start', async (_name, plugin) => {
    const app = Fastify()
    const start = async () => {
      await app.register(plugin)
    }
    await expect(start()).rejects.toMatchObject({ code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED' })
  })
})

describe('a request with several faults', () => {
  /** Each row repairs the fault that the row before was refused for. */
  const rows: [refused: string, head: string[], body?: string][] = [
    ['bad-host', [`PUT /v1/${'x'.repeat(9000)} HTTP/1.1`, 'Host: a b']],
    ['uri-too-long', [`PUT /v1/${'x'.repeat(9000)} HTTP/1.1`, 'Host: a']],
    ['not-found', ['PUT /v1/nothing HTTP/1.1', 'Host: a']],
    ['method-not-allowed', ['PUT /v1/approval HTTP/1.1', 'Host: a']],
    ['body-too-large', ['POST /v1/approval HTTP/1.1', 'Host: a', 'Content-Length: 70000', 'Content-Type: text/plain']],
    ['unsupported-media-type', ['POST /v1/approval HTTP/1.1', 'Host: a', 'Content-Type: text/plain'], '{'],
    ['broken-json', ['POST /v1/approval HTTP/1.1', 'Host: a', 'Content-Type: application/json'], '{'],
    [
      'user-id-required',
      ['POST /v1/approval?link=x HTTP/1.1', 'Host: a', 'Content-Type: application/json'],
      '{"link":1}'
    ],
    [
      'invalid-request',
      ['POST /v1/approval?link=x HTTP/1.1', 'Host: a', BEARER, 'Content-Type: application/json'],
      '{"link":1}'
    ],
    [
      'link-not-found',
      ['POST /v1/approval HTTP/1.1', 'Host: a', BEARER, 'Content-Type: application/json'],
      '{"link":"http://a/v1/links/xxxxxxxxxxxxxxxxxxxxxx"}'
    ]
  ]

  it('is refused for the first of them', async () => {
    const { port } = await startServer()
    for (const [refused, head, body = ''] of rows) {
      const length = head.some((line) => line.startsWith('Content-Length')) ? [] : [`Content-Length: ${body.length}`]
      const answer = await rawRequest(port, [...head, ...length], body)
      expect(answer.body).toContain(`"urn:silly-chat:${refused}"`)
    }
  })
})
