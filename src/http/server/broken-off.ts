/**
 * Requests whose client disconnected before it had the whole answer. They are logged and counted as 499, as nginx does,
 * because the status that was meant for them was never received.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isForStream } from './stream-routes.ts'

export const CLIENT_CLOSED_REQUEST = 499

/** The status of an answer that has ended: the one the client received, or 499. */
export function outcomeOf({ raw: { socket } }: FastifyRequest, { statusCode }: FastifyReply): number {
  // A response to a peer that has reset its connection reports itself as finished, but that peer has no address any more.
  return socket.destroyed || socket.remoteAddress === undefined ? CLIENT_CLOSED_REQUEST : statusCode
}

type Listener = (request: FastifyRequest, reply: FastifyReply) => void

declare module 'fastify' {
  interface FastifyInstance {
    /** Calls the listener for each request whose connection closes before its answer has ended. Fastify has no such hook. */
    onBrokenOff(listener: Listener): void
  }
}

export const brokenOff = fp(
  (app, _options, done) => {
    const requests = new WeakMap<ServerResponse, { readonly request: FastifyRequest; readonly reply: FastifyReply }>()
    const listeners: Listener[] = []
    app.decorate('onBrokenOff', (listener: Listener) => void listeners.push(listener))
    app.addHook('onRequest', (request, reply, next) => {
      requests.set(reply.raw, { request, reply })
      next()
    })
    // A response that was lost can report itself as finished: it must not be counted twice.
    app.addHook('onResponse', (_request, reply, next) => {
      requests.delete(reply.raw)
      next()
    })
    app.connections.onLost = (response) => {
      const found = requests.get(response)
      // An open stream ends with its connection, and is logged by itself.
      if (found === undefined || (response.headersSent && isForStream(found.request))) return
      for (const listener of listeners) listener(found.request, found.reply)
    }
    done()
  },
  { name: 'broken-off', dependencies: ['connections'] }
)
