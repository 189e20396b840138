/** Checks a request against the schemas of its route. */
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { serializerCompiler } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { escapeLineBreaks } from '../../wire/json.ts'
import { memberFacts } from '../../wire/schemas/members.ts'
import { invalidRequest, nameReader } from './member-names.ts'

/** Options without which Fastify loads Ajv and its own serializer, a seventh of the start-up time. */
export const WITHOUT_AJV = {
  schemaController: { compilersFactory: { buildValidator: neverUsed, buildSerializer: neverUsed } }
}

/** Makes an application validate and serialize with zod. */
export function addValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(compileSerializer)
}

/**
 * Path parameters are not validated: they are text, and the routes parse it. Headers are validated but not replaced, because
 * Fastify would merge validated headers with the others on every access.
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

/** The message for a value whose schema has none of its own, so that zod's are never sent. */
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
