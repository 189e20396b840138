/** Applications of their own for what few ask for: made at the first request, since loading them would hold up every start. */
import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { addProblems } from './problems.ts'
import { addValidation, WITHOUT_AJV } from './validation.ts'

/** Loads a package of CommonJS. Unlike `import()`, of which Node.js remembers that it failed, it can be tried again. */
export const load = createRequire(import.meta.url)

/**
 * Answers GET and HEAD for these paths as the routes do that are added when first asked for. Of the hooks of `app` those
 * before the handler come first; those that change an answer are passed by.
 */
export function addOnDemand(
  app: FastifyInstance,
  paths: readonly string[],
  addRoutes: (inner: FastifyInstance) => Promise<void>
): void {
  let made: Promise<FastifyInstance> | undefined

  async function make(): Promise<FastifyInstance> {
    const inner: FastifyInstance = Fastify({
      loggerInstance: app.log,
      // The outer application logs what was asked for, and by its number.
      logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'innerReqId' }),
      routerOptions: { ignoreTrailingSlash: true },
      ...WITHOUT_AJV
    })
    addValidation(inner)
    addProblems(inner, app.notFoundPage)
    await addRoutes(inner)
    await inner.ready()
    return inner
  }

  for (const path of paths) {
    app.get(path, async (request, reply) => {
      made ??= make()
      const inner = await made.catch((error: unknown) => {
        made = undefined
        throw error
      })
      const { raw } = reply.hijack()
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) raw.setHeader(name, value)
      }
      inner.routing(request.raw, raw)
    })
  }
}
