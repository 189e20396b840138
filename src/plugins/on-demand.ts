/** Applications of their own for what few ask for: made at the first request, since loading them would hold up every start. */
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { addProblems } from './problems.ts'
import { addValidation, WITHOUT_AJV } from './validation.ts'

/** Answers GET and HEAD for these paths, behind the hooks of `app`, as the routes do that are added when first asked for. */
export function addOnDemand(
  app: FastifyInstance,
  paths: readonly string[],
  addRoutes: (inner: FastifyInstance) => Promise<void>
): void {
  let made: Promise<FastifyInstance> | undefined

  async function make(): Promise<FastifyInstance> {
    const inner: FastifyInstance = Fastify({
      loggerInstance: app.log,
      // The outer application logs what was asked for.
      logController: new LogController({ disableRequestLogging: true }),
      routerOptions: { ignoreTrailingSlash: true },
      ...WITHOUT_AJV
    })
    addValidation(inner)
    addProblems(inner)
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
      for (const [name, value] of Object.entries(reply.getHeaders())) raw.setHeader(name, value ?? '')
      inner.routing(request.raw, raw)
    })
  }
}
