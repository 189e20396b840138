/** Answers what node:http could not parse as a request: there is no request and no reply, only a socket. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { Problem, type ProblemKind } from '../../wire/problems.ts'
import { PROBLEM_JSON } from '../../wire/schemas/problems.ts'
import { MAX_URL_LENGTH } from '../request/known-paths.ts'
import type { Connections } from './connections.ts'

interface ClientError {
  readonly code?: string | undefined
  /** The bytes that were being parsed. Fastify's type for it is wrong, so check it before use. */
  readonly rawPacket?: unknown
}

/** Sent with every answer. */
type Headers = Readonly<Record<string, string>>

const PROBLEM_BY_NODE_CODE: Readonly<Record<string, ProblemKind>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout'
}

/** How long a client has to read the refusal and close the connection. */
const LINGER_MS = 1000

/** Sends the refusal after the answers to earlier requests on the same socket. */
export function answerClientError(error: ClientError, socket: Socket, connections: Connections, common: Headers): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else connections.whenAnswered(socket, () => refuse(socket, toProblem(error), common))
}

function refuse(socket: Socket, problem: Problem, common: Headers): void {
  const body = problem.body
  const headers = {
    ...common,
    'content-type': PROBLEM_JSON,
    'content-length': Buffer.byteLength(body),
    date: new Date().toUTCString(),
    connection: 'close'
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`)
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

function toProblem(error: ClientError): Problem {
  return new Problem(
    isLongRequestLine(error) ? 'uri-too-long' : (PROBLEM_BY_NODE_CODE[error.code ?? ''] ?? 'malformed-request')
  )
}

/**
 * Whether it was the URL that was too long: node:http counts the request line among the headers. Only the packet that
 * exceeded the limit is known. Its first line is a request line or the end of one; if the packet has no end of a line, it
 * is far more likely part of a URL than of one header.
 */
function isLongRequestLine({ code, rawPacket }: ClientError): boolean {
  if (code !== 'HPE_HEADER_OVERFLOW' || !Buffer.isBuffer(rawPacket)) return false
  const [line = '', ...rest] = rawPacket.toString('latin1').split('\n', 2)
  if (rest.length === 0) return true
  return /^[A-Z]+ /.test(line) ? line.length > MAX_URL_LENGTH : / HTTP\/1\.[01]\r?$/.test(line)
}

/** A server can ignore an unknown expectation (RFC 9110, section 10.1.1); node:http would answer a bare 417. */
export function ignoreExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    app.server.emit('request', request, response)
  })
}
