/**
 * The log: routes, statuses and times. Never a URL, a header, a body or the members of an error, because chat ids, link ids,
 * user ids and message texts must not reach a log line at any level.
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

  /** Fastify would log a response that was cut off with the error of its socket. */
  override streamError(): void {}
  override routeNotFound(): void {}
  override defaultErrorLog(): void {}
  override writeHeadError(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
    reply.log.error({ err: error }, 'the answer could not be started')
  }
}

/** Logs a request whose client disconnected before it had its answer. */
export function logBrokenOff(request: FastifyRequest, reply: FastifyReply): void {
  reply.log.info(lineOf(request, reply, CLIENT_CLOSED_REQUEST), 'request broken off')
}

function lineOf({ routeOptions: { method, url } }: FastifyRequest, { elapsedTime }: FastifyReply, status: number) {
  return { method, route: url, status, ms: Math.round(elapsedTime) }
}

/** `silent` turns logging off. */
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
