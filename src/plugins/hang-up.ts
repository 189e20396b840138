/** Whether a client was there to take its answer. */
import type { FastifyReply } from 'fastify'

/** Aborted when the connection closes before the answer has been handed over, however early or late. */
export function hangUpOf({ raw }: FastifyReply): AbortSignal {
  const abort = new AbortController()
  const look = () => {
    if (!raw.writableFinished) abort.abort()
  }
  if (raw.closed || raw.destroyed) look()
  else raw.once('close', look)
  return abort.signal
}

/** Calls `action` when the signal is aborted, at once if it is already. */
export function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action()
  else signal.addEventListener('abort', action, { once: true })
}
