/** Whether a client was there to take its answer. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Aborted when the client is gone before the whole answer was handed over. Looks at the socket, not at the response:
 * one that waits behind another on the same connection is told nothing, and one that has ended calls itself finished
 * although its bytes were refused.
 */
export function hangUpOf({ raw: { socket } }: FastifyRequest, { raw: response }: FastifyReply): AbortSignal {
  const abort = new AbortController()
  const onGone = () => abort.abort()
  for (const event of ['end', 'close']) socket.once(event, onGone)
  response.once('finish', () => {
    for (const event of ['end', 'close']) socket.off(event, onGone)
  })
  if (socket.destroyed || socket.readableEnded) onGone()
  return abort.signal
}

/** Lets what the network has brought be seen: a hang-up that came before an answer must not lose to it. */
export async function lookAtNetwork(): Promise<void> {
  // From wherever in the turn this is called, all sockets are polled before it resolves.
  await nextTurn()
}

/** Calls `action` when the signal is aborted, at once if it is already. */
export function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action()
  else signal.addEventListener('abort', action, { once: true })
}
