/** How a route becomes a live stream: the head is written here, everything after it belongs to the hub. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { hijack } from './hijack.ts'

/**
 * Takes the connection over and writes the head of an event stream (WHATWG HTML, section 9.2) with the headers that
 * hooks have set. The body is the caller's: in chunks if `takesChunks`, otherwise all until the connection closes.
 * Calls `begin` with the socket, or never, if the client is gone first.
 */
export function openEventStream(request: FastifyRequest, reply: FastifyReply, begin: (socket: Socket) => void): void {
  reply.headers({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    connection: 'close'
  })
  const { log, routeOptions } = request
  const { socket } = request.raw
  const isChunked = takesChunks(request)
  // As a list: node:http then keeps no table of them for as long as the stream lasts.
  const { response, headers } = hijack(reply)
  const start = (): void => {
    // node:http announces the chunks, but to HTTP/1.0 as well if that sends TE, and there they are forbidden.
    if (!isChunked) response.removeHeader('transfer-encoding')
    response.writeHead(200, headers)
    response.flushHeaders()
    leaveHttp(request.raw, response, socket)
    socket.on('close', logEnd(log, routeOptions.url))
    begin(socket)
  }
  // A client that pipelines gets its answers in turn: until then the response has no socket.
  if (response.socket !== null) start()
  else response.once('socket', start)
}

/**
 * For node:http the answer is over (`Connections` sees that it was not ended, and refuses what may come behind it): for
 * as long as the stream lasts neither the response nor what the request said is kept, a fifth of an idle stream.
 */
function leaveHttp(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
  response.detachSocket(socket)
  response.emit('close')
  request.headers = NO_HEADERS
  request.rawHeaders = NO_RAW_HEADERS
}

const NO_HEADERS = {}
const NO_RAW_HEADERS: string[] = []

/** A function of its own, so that what it makes holds nothing else of the request for as long as the stream lasts. */
function logEnd(log: FastifyBaseLogger, route: string | undefined): () => void {
  const began = performance.now()
  return () => log.info({ method: 'GET', route, ms: Math.round(performance.now() - began) }, 'stream ended')
}

/** Whether a stream is sent in chunks, so that its end can be told from a cut: only HTTP/1.0 does not know them. */
export function takesChunks({ raw }: FastifyRequest): boolean {
  return raw.httpVersion === '1.1'
}

/** The names of the cursor in a query; the first that has a value counts. */
const CURSOR_NAMES = ['last_event_id', 'lastEventId', 'after']

/** The cursor of a client: what it sends again by itself when it reconnects wins over what its URL says. */
export function cursorOf({ headers, query }: FastifyRequest): string | undefined {
  const sent = new Map(Object.entries(query ?? {}))
  const cursor = [headers['last-event-id'], ...CURSOR_NAMES.map((name) => sent.get(name))].find(Boolean)
  return cursor === undefined ? undefined : String(cursor)
}
