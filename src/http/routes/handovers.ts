/** `/v1/handovers`: leave an encrypted text for another device, which takes it once. */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import type { Service } from '../../chat/service.ts'
import { answer } from '../../wire/schemas/answers.ts'
import { EXAMPLE } from '../../wire/schemas/common.ts'
import { handover, handoverParams, newHandover, newHandoverBody } from '../../wire/schemas/handovers.ts'
import { BODY_PROBLEMS, problemResponses } from '../../wire/schemas/problems.ts'
import { handoverUrl } from '../../wire/urls.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { handoverIdOf } from '../request/ids.ts'
import { requireObjectOrNoBody } from '../request/json-body.ts'

export interface HandoverRoutesOptions {
  readonly service: Service
  readonly limits: RateLimits
}

export const handoverRoutes: FastifyPluginCallbackZod<HandoverRoutesOptions> = (app, { service, limits }, done) => {
  app.post(
    '/v1/handovers',
    {
      onRequest: limits.on('create-handover'),
      schema: {
        operationId: 'createHandover',
        tags: ['handovers'],
        summary: 'Leave a text for another device',
        description:
          'Stores an encrypted text for ten minutes. Whoever has the URL of the answer can take it, once. Encrypt it on the device that gives it, and put the key into the fragment of the URL, which browsers do not send: the web page does both (docs/keyring.md says how). No user id is needed.',
        security: [],
        body: newHandoverBody,
        response: {
          201: answer('The new handover.', newHandover, {
            example: { handover: EXAMPLE.handover, expires_at: EXAMPLE.time },
            headers: { Location: 'The URL of the handover.' }
          }),
          ...problemResponses(...BODY_PROBLEMS)
        }
      }
    },
    async ({ base, body }, reply) => {
      const { id, expiresAt } = await service.handovers.create(body.sealed)
      const url = handoverUrl(base, id)
      return reply
        .code(201)
        .header('location', url)
        .send({ handover: url, expires_at: new Date(expiresAt).toISOString() })
    }
  )

  app.post(
    '/v1/handovers/:handover',
    {
      onRequest: limits.on('take-handover'),
      preValidation: requireObjectOrNoBody,
      schema: {
        operationId: 'takeHandover',
        tags: ['handovers'],
        summary: 'Take the text',
        description:
          'Answers with the text and removes it. From then on, and ten minutes after it was left, the answer is 404. Of two requests at the same moment one gets it. If the connection is lost before the answer has arrived, the text is lost: make a new handover. A browser that opens the URL (a GET whose `Accept` prefers text/html) gets the web page, which takes the text after a click.',
        security: [],
        params: handoverParams,
        response: {
          200: answer('The text. It is gone from the server.', handover, { example: { sealed: 'c2lsbHk' } }),
          ...problemResponses(...BODY_PROBLEMS, 'handover-not-found')
        }
      }
    },
    async (request) => ({ sealed: await service.handovers.take(handoverIdOf(request)) })
  )

  done()
}
