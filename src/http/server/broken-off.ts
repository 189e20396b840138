/**
 * Requests whose client went away before it had its whole answer. That is no fault of the server, and no status of ours
 * tells of it: they are logged and counted as 499, as nginx does it.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Connections } from './connections.ts'
import { isForStream } from './stream-routes.ts'

export const CLIENT_CLOSED_REQUEST = 499

/** The status of an answer that is over: what the client was told, or that it was gone by then. */
export function outcomeOf({ raw: { socket } }: FastifyRequest, { statusCode }: FastifyReply): number {
  // A response to a peer that has reset its connection calls itself finished; such a peer has no address any more.
  return socket.destroyed || socket.remoteAddress === undefined ? CLIENT_CLOSED_REQUEST : statusCode
}

export type OnBrokenOff = (listener: (request: FastifyRequest, reply: FastifyReply) => void) => void

/** Calls listeners for each request whose connection is lost before its answer has ended, for which Fastify has no hook. */
export function addBrokenOff(app: FastifyInstance, connections: Connections): OnBrokenOff {
  const requests = new WeakMap<ServerResponse, { readonly request: FastifyRequest; readonly reply: FastifyReply }>()
  const listeners: Parameters<OnBrokenOff>[0][] = []
  app.addHook('onRequest', (request, reply, done) => {
    requests.set(reply.raw, { request, reply })
    done()
  })
  // Also of one that was lost, but calls itself finished: nothing is told of twice.
  app.addHook('onResponse', (_request, reply, done) => {
    requests.delete(reply.raw)
    done()
  })
  connections.onLost = (response) => {
    const found = requests.get(response)
    // An open stream ends with its connection, and tells of that itself.
    if (found === undefined || (response.headersSent && isForStream(found.request))) return
    for (const listener of listeners) listener(found.request, found.reply)
  }
  return (listener) => void listeners.push(listener)
}
