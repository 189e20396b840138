/** How a route becomes a live stream: this writes the head, and the hub everything after it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { hijack } from './hijack.ts'

/**
 * Writes the head of an event stream (WHATWG HTML, section 9.2) with the headers that hooks have set, and calls `begin`
 * with the socket, unless the client disconnects first. The caller writes the body: in chunks if `takesChunks`,
 * otherwise until the connection closes. Calls `onEnd` when it is closed, in either case.
 */
export function openEventStream(
  request: FastifyRequest,
  reply: FastifyReply,
  begin: (socket: Socket) => void,
  onEnd: () => void
): void {
  reply.headers({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    connection: 'close'
  })
  const { log, routeOptions } = request
  const { socket } = request.raw
  const isChunked = takesChunks(request)
  // As a list, because node:http would keep a table of them for as long as the stream lasts.
  const { response, headers } = hijack(reply)
  const start = (): void => {
    // node:http also announces chunks to an HTTP/1.0 client that sends TE, and HTTP/1.0 forbids them.
    if (!isChunked) response.removeHeader('transfer-encoding')
    response.writeHead(200, headers)
    response.flushHeaders()
    reply.server.connections.becomesStream(socket, response)
    leaveHttp(request.raw, response, socket)
    socket.on('close', logEnd(log, routeOptions.url, isItsTurn ? onEnd : undefined))
    begin(socket)
  }
  // A client that pipelines gets its answers in order: until its turn the response has no socket.
  const isItsTurn = response.socket !== null
  if (isItsTurn) start()
  else {
    socket.once('close', onEnd)
    response.once('socket', start)
  }
}

/** Lets go of the response and the headers for as long as the stream lasts: they are a fifth of the memory of an idle one. */
function leaveHttp(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
  response.detachSocket(socket)
  request.headers = NO_HEADERS
  request.rawHeaders = NO_RAW_HEADERS
}

const NO_HEADERS = {}
const NO_RAW_HEADERS: string[] = []

/** A separate function, so that the closure it returns keeps nothing else of the request alive. */
function logEnd(log: FastifyBaseLogger, route: string | undefined, onEnd: (() => void) | undefined): () => void {
  const began = performance.now()
  return () => {
    log.info({ method: 'GET', route, ms: Math.round(performance.now() - began) }, 'stream ended')
    onEnd?.()
  }
}

/** Whether a stream is sent in chunks, so that its end differs from a lost connection: HTTP/1.0 has no chunks. */
export function takesChunks({ raw }: FastifyRequest): boolean {
  return raw.httpVersion === '1.1'
}

/** The names of the cursor in a query; the first that has a value counts. */
const CURSOR_NAMES = ['last_event_id', 'lastEventId', 'after']

/** The cursor of a client. The header, which an EventSource sends when it reconnects, wins over the URL. */
export function cursorOf({ headers, query }: FastifyRequest): string | undefined {
  const sent = new Map(Object.entries(query ?? {}))
  const cursor = [headers['last-event-id'], ...CURSOR_NAMES.map((name) => sent.get(name))].find(Boolean)
  return cursor === undefined ? undefined : String(cursor)
}
