/** How what a request says is checked against the schemas of its route. */
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { escapeLineBreaks } from '../json.ts'

/** Options of an application, without which Fastify loads Ajv and a serializer of its own: a seventh of the start. */
export const WITHOUT_AJV = {
  schemaController: { compilersFactory: { buildValidator: neverUsed, buildSerializer: neverUsed } }
}

/** Has an application check and encode by zod. */
export function addValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(compileSerializer)
}

/**
 * The parameters of a path need no check: they are text, and the routes read what it means. Headers are checked and
 * left as they are, since Fastify would put checked ones together with the others anew at every look.
 */
const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ httpPart, ...route }) => {
  if (httpPart === 'params') return () => true
  const check = validatorCompiler(route)
  if (httpPart !== 'headers') return check
  return (headers) => {
    const result = check(headers)
    return typeof result === 'object' && 'error' in result ? result : true
  }
}

const compileSerializer: typeof serializerCompiler = (route) => {
  const serialize = serializerCompiler(route)
  return (data) => escapeLineBreaks(serialize(data))
}

function neverUsed(): () => never {
  return () => {
    throw new Error('schemas are compiled by zod')
  }
}
