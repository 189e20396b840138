/** `/health` and `/ready`, for orchestrators and load balancers. */
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Service } from '../../chat/service.ts'
import { StoreUnavailable } from '../../chat/store.ts'
import { Problem, type ProblemKind } from '../../wire/problems.ts'
import { answer } from '../../wire/schemas/answers.ts'
import { problemResponses } from '../../wire/schemas/problems.ts'

export interface HealthRoutesOptions {
  readonly service: Service
}

const health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' })
/** Many ask, and each time the store is asked. */
const READY_CACHED_MS = 1000
const OK = { example: { status: 'ok' as const } }

export const healthRoutes: FastifyPluginCallbackZod<HealthRoutesOptions> = (app, { service }, done) => {
  let latest: { readonly at: number; readonly outcome: Promise<ProblemKind | undefined> } | undefined
  const problem = async (): Promise<ProblemKind | undefined> => {
    try {
      await service.ping()
      return undefined
    } catch (error) {
      app.log.error({ err: error }, 'the store is not ready')
      return error instanceof StoreUnavailable && error.why === 'full' ? 'store-full' : 'store-unreachable'
    }
  }
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
        summary: 'Can the store be used?',
        description:
          'Answers 200 if the store can be reached and can write, otherwise 503. An answer counts for a second.',
        security: [],
        response: { 200: answer('The store can be used.', health, OK), ...problemResponses() }
      }
    },
    async () => {
      if (latest === undefined || performance.now() - latest.at > READY_CACHED_MS) {
        latest = { at: performance.now(), outcome: problem() }
      }
      const kind = await latest.outcome
      if (kind !== undefined) throw new Problem(kind)
      return { status: 'ok' as const }
    }
  )

  done()
}
