/** How a body is read: JSON or nothing. */
import { isUtf8 } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../../wire/problems.ts'

export const MAX_BODY_BYTES = 65_536
const NOT_JSON = 'application/octet-stream'

/** An empty body counts as none, whatever its content type; a body that is not JSON is refused. */
export const jsonBody = fp(
  (app, _options, done) => {
    // `__proto__` is refused. A member "constructor" is harmless, because unknown members are dropped.
    const parseJson = app.getDefaultJsonParser('error', 'ignore')

    app.removeAllContentTypeParsers()
    app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, parsed) => {
      if (body.length === 0) return parsed(null, undefined)
      if (request.headers['content-encoding'] !== undefined) {
        return parsed(new Problem('unsupported-media-type', { detail: 'Send the body without a Content-Encoding.' }))
      }
      if (!isUtf8(body)) return parsed(new Problem('broken-json'))
      return parseJson(request, body.toString(), parsed)
    })
    app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, body, parsed) => {
      if (body.length === 0) parsed(null, undefined)
      else parsed(new Problem('unsupported-media-type'))
    })
    // Fastify refuses a Content-Type that is not a media type before it has read the body, which may be empty.
    app.addHook('onRequest', ({ headers }, _reply, next) => {
      const type = headers['content-type']
      if (type !== undefined && !/^\s*application\/json\s*(;|$)/i.test(type)) headers['content-type'] = NOT_JSON
      next()
    })
    done()
  },
  { name: 'json-body' }
)

/** A preValidation hook for a route that needs no body: if there is one, it must be a JSON object; none is read as an empty one. */
export async function requireObjectOrNoBody(request: FastifyRequest): Promise<void> {
  const { body } = request
  const isObject = typeof body === 'object' && !Array.isArray(body)
  if (body !== undefined && (!isObject || body === null)) {
    throw new Problem('invalid-request', {
      members: { errors: [{ path: '', message: 'Send a JSON object, or nothing.' }] }
    })
  }
  request.body ??= {}
}
