/** `/health` and `/ready`, for orchestrators and load balancers. */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Service } from '../../chat/service.ts'
import { Problem } from '../../wire/problems.ts'
import { answer } from '../../wire/schemas/answers.ts'
import { problemResponses } from '../../wire/schemas/problems.ts'

export interface HealthRoutesOptions {
  readonly service: Service
}

const health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' })
const OK = { example: { status: 'ok' as const } }

export const healthRoutes: FastifyPluginCallbackZod<HealthRoutesOptions> = (app, { service }, done) => {
  app.get(
    '/health',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['operation'],
        summary: 'Is the process alive?',
        description: 'Answers 200 as long as the process is running.',
        security: [],
        response: { 200: answer('The process is running.', health, OK), ...problemResponses() }
      }
    },
    async () => ({ status: 'ok' as const })
  )

  app.get(
    '/ready',
    {
      schema: {
        operationId: 'getReadiness',
        tags: ['operation'],
        summary: 'Can the store be reached?',
        description: 'Answers 200 if the store can be reached, otherwise 503.',
        security: [],
        response: { 200: answer('The store can be reached.', health, OK), ...problemResponses() }
      }
    },
    async (request) => {
      try {
        await service.ping()
      } catch (error) {
        request.log.error({ err: error }, 'the store is unreachable')
        throw new Problem('store-unreachable')
      }
      return { status: 'ok' as const }
    }
  )

  done()
}
