/** How what a request says is checked against the schemas of its route. */
import type { FastifySchemaCompiler } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import type { z } from 'zod'

/**
 * The parameters of a path need no check: they are text, and the routes read what it means. Headers are checked and
 * left as they are, since Fastify would put checked ones together with the others anew at every look.
 */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ httpPart, ...route }) => {
  if (httpPart === 'params') return () => true
  const check = validatorCompiler(route)
  if (httpPart !== 'headers') return check
  return (headers) => {
    const result = check(headers)
    return typeof result === 'object' && 'error' in result ? result : true
  }
}
