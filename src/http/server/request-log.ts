/**
 * What is logged: routes, statuses and times. Never a URL, a header, a body or an error's own members, because chat
 * ids, link ids, user ids and message texts must not reach a log line at any level.
 */
import { type FastifyReply, type FastifyRequest, type FastifyServerOptions, LogController } from 'fastify'
import type { Settings } from '../../cli/settings.ts'
import { CLIENT_CLOSED_REQUEST, outcomeOf } from './broken-off.ts'
import { describeFault } from './describe-fault.ts'

export class RequestLog extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const status = outcomeOf(request, reply)
    if (error || status === CLIENT_CLOSED_REQUEST) logBrokenOff(request, reply)
    else reply.log.info(lineOf(request, reply, status), 'request completed')
  }

  /** Without this a response that breaks off would be logged with the error of the socket. */
  override streamError(): void {}
  override routeNotFound(): void {}
  override defaultErrorLog(): void {}
  override writeHeadError(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
    reply.log.error({ err: error }, 'the answer could not be begun')
  }
}

/** Of a client that went away before it had its answer. */
export function logBrokenOff(request: FastifyRequest, reply: FastifyReply): void {
  reply.log.info(lineOf(request, reply, CLIENT_CLOSED_REQUEST), 'request broken off')
}

function lineOf({ routeOptions: { method, url } }: FastifyRequest, { elapsedTime }: FastifyReply, status: number) {
  return { method, route: url, status, ms: Math.round(elapsedTime) }
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
