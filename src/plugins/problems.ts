/** The one place where what was thrown becomes an answer: RFC 9457 problem details for everything, Fastify's too. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem, type ProblemKind } from '../problems.ts'
import { PROBLEM_JSON } from '../schemas/problems.ts'
import { SAFE_HEADERS } from './safe-headers.ts'

/** Fastify's own refusals. Its texts can quote the URL, so none of them gets out. */
const OF_FASTIFY: Readonly<Record<string, ProblemKind>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-request',
  FST_ERR_CTP_INVALID_JSON_BODY: 'broken-json',
  FST_ERR_BAD_URL: 'not-found'
}

export function addProblems(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = toProblem(error)
    if (problem.status === 500) request.log.error({ err: error }, 'a fault of the server')
    // Fastify closes the connection when it refuses a body. A client that is still sending would then lose the answer
    // to a reset; node:http discards the rest of the body instead, and `requestTimeout` bounds how long.
    reply.removeHeader('connection')
    return sendProblem(reply, problem)
  })
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).headers(problem.headers).type(PROBLEM_JSON).send(Buffer.from(problem.body))
}

function toProblem(error: FastifyError): Problem {
  if (error instanceof Problem) return error
  if (error.validation !== undefined) {
    const errors = error.validation.map(({ instancePath, message }) => ({
      path: instancePath.split('/').filter(Boolean).join('.'),
      message
    }))
    return new Problem('invalid-request', { members: { errors } })
  }
  const kind = OF_FASTIFY[error.code]
  if (kind !== undefined) return new Problem(kind)
  // What the client broke off, or sent so that node:http could not read its body.
  return new Problem(error.statusCode === 400 ? 'malformed-request' : 'internal-error')
}

/** For requests that Fastify refuses before any hook: `checks` are those that come first (`request-checks.ts`). */
export function frameworkErrors(checks: (request: FastifyRequest) => void) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    try {
      checks(request)
      sendProblem(reply.headers(SAFE_HEADERS), toProblem(error))
    } catch (earlier) {
      sendProblem(reply.headers(SAFE_HEADERS), earlier instanceof Problem ? earlier : new Problem('internal-error'))
    }
  }
}

interface ClientError {
  readonly code?: string | undefined
  /** The bytes that were being read: typed wrongly by Fastify, so looked at before it is used. */
  readonly rawPacket?: unknown
}

const OF_NODE: Readonly<Record<string, ProblemKind>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout'
}

/** What node:http could not read as a request. There is no request and no reply, only a socket. */
export function clientErrorHandler(error: ClientError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = new Problem(
    isLongRequestLine(error) ? 'uri-too-long' : (OF_NODE[error.code ?? ''] ?? 'malformed-request')
  )
  const headers = { ...SAFE_HEADERS, 'content-type': PROBLEM_JSON, connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const body = problem.body
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/** node:http counts the request line among the headers: if no line has ended yet, it is the URL that is too long. */
function isLongRequestLine({ code, rawPacket }: ClientError): boolean {
  return code === 'HPE_HEADER_OVERFLOW' && Buffer.isBuffer(rawPacket) && !rawPacket.includes('\n')
}

/** An expectation we do not know may be ignored (RFC 9110, section 10.1.1), where node:http answers a bare 417. */
export function ignoreExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    app.server.emit('request', request, response)
  })
}
