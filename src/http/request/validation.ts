/** How what a request says is checked against the schemas of its route. */
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { serializerCompiler } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { escapeLineBreaks } from '../../wire/json.ts'
import { memberFacts } from '../../wire/schemas/members.ts'
import { invalidRequest, nameReader } from './member-names.ts'

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
const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  if (httpPart === 'params') return () => true
  const readNames = httpPart === 'headers' ? undefined : nameReader(schema, httpPart === 'body' ? 'body' : 'query')
  const options = { error: sentencesOf(schema) }
  return (sent) => {
    const read = readNames?.(sent)
    if (read !== undefined && read.errors.length > 0) return { error: invalidRequest(read.errors) }
    const result = schema.safeParse(read === undefined ? sent : read.members, options)
    if (result.success) return httpPart === 'headers' ? true : { value: result.data }
    const errors = result.error.issues.map(({ path: [name = '', ...rest], message }) => ({
      path: [read?.spelling.get(`${String(name)}`) ?? name, ...rest].join('.'),
      message
    }))
    return { error: invalidRequest(errors) }
  }
}

/** What is said of a value where its schema has no sentence of its own, so that none of zod's is ever sent. */
function sentencesOf(schema: z.ZodType): z.core.$ZodErrorMap {
  const shape: z.core.$ZodShape = schema instanceof z.ZodObject ? schema.shape : {}
  const required = Object.entries(shape).filter(([, member]) => !z.safeParse(member, undefined).success)
  const names = required.map(([name]) => `\`${name}\``).join(' and ')
  return ({ path = [], input }) => {
    const [name] = path
    if (name === undefined) return `Send a JSON object${names === '' ? '' : ` with ${names}`}.`
    const member = shape[`${String(name)}`]
    const wanted = member === undefined ? undefined : memberFacts.get(member)?.wanted
    if (wanted === undefined) return `\`${String(name)}\` has a value that cannot be used here.`
    return `\`${String(name)}\` ${input === undefined ? 'is required:' : 'must be'} ${wanted}.`
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
