/** Whether a client was there to take its answer. */
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Aborted when the client is gone before the whole answer was handed over. Looks at the socket, not at the response:
 * one that waits behind another on the same connection is told nothing, and one that has ended calls itself finished
 * although its bytes were refused.
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

/** What each socket's open exchanges do when its client is gone. */
const exchanges = new WeakMap<Socket, Set<() => void>>()

/**
 * One listener of each kind for all exchanges of a connection: a client may pipeline any number, and Node.js warns of a
 * leak at the eleventh listener.
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

/** Lets what the network has brought be seen: a hang-up that came before an answer must not lose to it. */
export async function pollSockets(): Promise<void> {
  // From wherever in the turn this is called, all sockets are polled before it resolves.
  await nextTurn()
}

/** Calls `action` when the signal is aborted, at once if it is already. */
export function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action()
  else signal.addEventListener('abort', action, { once: true })
}
