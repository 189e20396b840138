/**
 * What is logged: routes, statuses and times. Never a URL, a header, a body or an error's own members, because chat
 * ids, link ids, user ids and message texts must not reach a log line at any level.
 */
import { type FastifyReply, type FastifyRequest, type FastifyServerOptions, LogController } from 'fastify'
import type { Settings } from '../settings.ts'

export class RequestLog extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const { method, url } = request.routeOptions
    const line = { method, route: url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }
    if (error) reply.log.info(line, 'request broken off')
    else reply.log.info(line, 'request completed')
  }

  /** Without this a response that breaks off would be logged with the error of the socket. */
  override streamError(): void {}
  override routeNotFound(): void {}
  override defaultErrorLog(): void {}
  override writeHeadError(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
    reply.log.error({ err: error }, 'the answer could not be begun')
  }
}

/** `silent` turns logging off altogether. */
export function loggerOptions(
  level: Settings['LOG_LEVEL'],
  stream?: { write(line: string): void }
): NonNullable<FastifyServerOptions['logger']> {
  if (level === 'silent') return false
  const serializers = {
    err: describeFault,
    req: () => ({}),
    res: () => ({})
  }
  return { level, serializers, base: null, ...(stream && { stream }) }
}

/** Faults of the language itself: their messages name what is in the code, not what was in a request. */
const TELLING = new Set(['TypeError', 'RangeError', 'ReferenceError'])
/** Anything that could be an id of ours. */
const ID_LIKE = /[A-Za-z0-9_-]{22,}/g

/** The kind of a fault and where it happened. Of what it says only what cannot come from a request. */
export function describeFault(error: unknown): { type: string; message: string; stack: string; code?: string } {
  if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' }
  const { name, message, stack = '' } = error
  const frames = stack
    .slice(stack.indexOf(message) + message.length)
    .split('\n')
    .filter((line) => /^ +at /.test(line))
  return {
    type: name,
    message: TELLING.has(name) ? message.replaceAll(ID_LIKE, '[redacted]') : '',
    stack: frames.join('\n'),
    ...('code' in error && /^[A-Z_]+$/.test(`${error.code}`) && { code: `${error.code}` })
  }
}
