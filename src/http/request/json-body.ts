/** How a body is read: JSON or nothing. */
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../../wire/problems.ts'

export const MAX_BODY_BYTES = 65_536
const NOT_JSON = 'application/octet-stream'

/** An empty body counts as none, whatever its content type; a body that is not JSON is refused. */
export function addJsonBody(app: FastifyInstance): void {
  // `__proto__` is refused; a member "constructor" is as harmless as any other, since unknown members are dropped.
  const parseJson = app.getDefaultJsonParser('error', 'ignore')

  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined)
    if (request.headers['content-encoding'] !== undefined) {
      return done(new Problem('unsupported-media-type', { detail: 'Send the body without a Content-Encoding.' }))
    }
    if (!isUtf8(body)) return done(new Problem('broken-json'))
    return parseJson(request, body.toString(), done)
  })
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else done(new Problem('unsupported-media-type'))
  })
  // Fastify refuses a Content-Type that is no media type before it has looked at the body.
  app.addHook('onRequest', ({ headers }, _reply, done) => {
    const type = headers['content-type']
    if (type !== undefined && !/^\s*application\/json\s*(;|$)/i.test(type)) headers['content-type'] = NOT_JSON
    done()
  })
}

/** A preValidation hook for a route that needs no body: what is sent all the same must be a JSON object. */
export async function requireObjectOrNoBody({ body }: FastifyRequest): Promise<void> {
  const isObject = typeof body === 'object' && !Array.isArray(body)
  if (body !== undefined && (!isObject || body === null)) {
    throw new Problem('invalid-request', {
      members: { errors: [{ path: '', message: 'Send a JSON object, or nothing.' }] }
    })
  }
}
