/** How a route becomes a live stream: the head is written here, everything after it belongs to the hub. */
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Takes the connection over and writes the head of an event stream (WHATWG HTML, section 9.2) with the headers that
 * hooks have set. The body ends with the connection: framing it in chunks would cost each reader and gain nothing.
 * Calls `begin` with the socket, or never, if the client is gone first.
 */
export function openEventStream(request: FastifyRequest, reply: FastifyReply, begin: (socket: Socket) => void): void {
  reply.headers({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    connection: 'close'
  })
  const headers = Object.entries(reply.getHeaders())
  const { log } = request
  const route = request.routeOptions.url
  const began = performance.now()
  const response = reply.hijack().raw
  const start = (): void => {
    // The only way to tell node:http not to use the chunked coding of HTTP/1.1.
    response.removeHeader('transfer-encoding')
    for (const [name, value] of headers) if (value !== undefined) response.setHeader(name, value)
    response.writeHead(200)
    response.flushHeaders()
    response.once('close', () =>
      log.info({ method: 'GET', route, ms: Math.round(performance.now() - began) }, 'stream ended')
    )
    begin(request.raw.socket)
  }
  // A client that pipelines gets its answers in turn: until then the response has no socket.
  if (response.socket !== null) start()
  else response.once('socket', start)
}

/** The cursor of a client: what it sends again by itself when it reconnects wins over what its URL says. */
export function cursorOf({ headers, query }: FastifyRequest): string | undefined {
  const inQuery =
    typeof query === 'object' && query !== null && 'last_event_id' in query ? query.last_event_id : undefined
  const cursor = headers['last-event-id'] ?? inQuery
  if (cursor === undefined || cursor === '') return undefined
  return String(cursor)
}
