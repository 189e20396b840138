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

/** Nothing is spent on lines that nobody wants. */
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

/** Anything that could be an id of ours. */
const ID_LIKE = /[A-Za-z0-9_-]{22,}/g

/** The kind of a fault and where it happened; its message with everything that looks like an id taken out. */
export function describeFault(error: unknown): { type: string; message: string; stack: string; code?: string } {
  if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' }
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: error.name,
    message: error.message.replaceAll(ID_LIKE, '[redacted]'),
    stack: frames.join('\n'),
    ...('code' in error && { code: String(error.code) })
  }
}
