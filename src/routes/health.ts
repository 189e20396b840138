/** `/health` and `/ready`: for whoever runs the server. */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Problem } from '../problems.ts'
import { answer } from '../schemas/answers.ts'
import { problemResponses } from '../schemas/problems.ts'
import type { Service } from '../service.ts'

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
        description: '200 while the process lives.',
        security: [],
        response: { 200: answer('It is.', health, OK), ...problemResponses() }
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
        description: '200 while the store can be reached.',
        security: [],
        response: { 200: answer('It can.', health, OK), ...problemResponses() }
      }
    },
    async (request) => {
      try {
        await service.ping()
      } catch (error) {
        request.log.error({ err: error }, 'the store cannot be reached')
        throw new Problem('store-unreachable')
      }
      return { status: 'ok' as const }
    }
  )

  done()
}
