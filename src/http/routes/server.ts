/** `/v1/server`: what a client must know of the server to tell people the truth. */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import { emptyTtlOf } from '../../chat/service.ts'
import type { Settings } from '../../cli/settings.ts'
import { answer } from '../../wire/schemas/answers.ts'
import { MAX_TEXT_LENGTH } from '../../wire/schemas/chats.ts'
import { problemResponses } from '../../wire/schemas/problems.ts'
import { MAX_SEALED_TEXT_LENGTH, type ServerInfo, serverInfo } from '../../wire/schemas/server.ts'
import type { RateLimits } from '../limits/rate-limits.ts'

export interface ServerRoutesOptions {
  readonly info: ServerInfo
  readonly limits: RateLimits
}

export const serverRoutes: FastifyPluginCallbackZod<ServerRoutesOptions> = (app, { info, limits }, done) => {
  app.get(
    '/v1/server',
    {
      onRequest: limits.on('read'),
      schema: {
        operationId: 'getServer',
        tags: ['operation'],
        summary: 'What kind of server is this?',
        description:
          'The version of the server, its limits, and for how long it keeps chats. The answer stays the same until it restarts.',
        security: [],
        response: { 200: answer('The server.', serverInfo, { example: EXAMPLE_INFO }), ...problemResponses() }
      }
    },
    async () => info
  )

  done()
}

export function serverInfoOf({ STORE_URL, CHAT_TTL_SECONDS }: Settings, version: string): ServerInfo {
  return {
    version,
    store: storeNameOf(STORE_URL),
    chat_ttl_seconds: CHAT_TTL_SECONDS,
    empty_chat_ttl_seconds: emptyTtlOf(CHAT_TTL_SECONDS * 1000) / 1000,
    ...SAME_EVERYWHERE
  }
}

/** The scheme of its URL. `rediss:` is Redis over TLS. */
function storeNameOf(url: string): string {
  const scheme = url.slice(0, url.indexOf(':'))
  return scheme === 'rediss' ? 'redis' : scheme
}

const SAME_EVERYWHERE = {
  push: false,
  sealed: false,
  max_text_length: MAX_TEXT_LENGTH,
  max_sealed_text_length: MAX_SEALED_TEXT_LENGTH
}

const EXAMPLE_INFO: ServerInfo = {
  version: '0.1.0',
  store: 'memory',
  chat_ttl_seconds: 2_592_000,
  empty_chat_ttl_seconds: 86_400,
  ...SAME_EVERYWHERE
}
