/** Where Swagger UI and the OpenAPI document are. */
import type { FastifyInstance } from 'fastify'
import { addOnDemand } from './on-demand.ts'
import type { OpenApiOptions } from './openapi.ts'

export function addDocs(app: FastifyInstance, options: OpenApiOptions): void {
  addOnDemand(app, ['/docs', '/docs/*'], async (inner) => {
    const { addOpenApi } = await import('./openapi.ts')
    await addOpenApi(inner, options)
  })
}
