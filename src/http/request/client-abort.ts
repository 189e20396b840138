/** Notices clients that disconnect before they have their answer. */
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Aborted when the client disconnects before the whole answer has been handed to the operating system. Watches the socket
 * and not the response: a response that waits for another one on the same connection gets no event, and one that has ended
 * reports itself as finished even if its bytes were refused.
 */
export function clientAbortSignal({ raw: { socket } }: FastifyRequest, { raw: response }: FastifyReply): AbortSignal {
  const abort = new AbortController()
  const onGone = () => abort.abort()
  const open = exchangesOn(socket)
  open.add(onGone)
  response.once('finish', () => void open.delete(onGone))
  if (socket.destroyed || socket.readableEnded) onGone()
  return abort.signal
}

/** Called for each open exchange of a socket when its client disconnects. */
const exchanges = new WeakMap<Socket, Set<() => void>>()

/**
 * One listener of each kind for all exchanges of a connection: a client can pipeline any number of requests, and Node.js
 * warns of a leak at the eleventh listener.
 */
function exchangesOn(socket: Socket): Set<() => void> {
  const known = exchanges.get(socket)
  if (known !== undefined) return known
  const open = new Set<() => void>()
  exchanges.set(socket, open)
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      for (const onGone of open) onGone()
      open.clear()
    })
  }
  return open
}

/** Lets Node.js read the sockets, so that a disconnect that arrived before an answer is noticed before that answer is sent. */
export async function pollSockets(): Promise<void> {
  // Wherever in a turn this is called, all sockets are polled before it resolves.
  await nextTurn()
}

/** Calls `action` when the signal is aborted, at once if it is already. */
export function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action()
  else signal.addEventListener('abort', action, { once: true })
}
