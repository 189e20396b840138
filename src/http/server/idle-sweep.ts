/** How chats in which nothing has happened for too long come to their end when nobody asks for them any more. */
import type { FastifyInstance } from 'fastify'

const MAX_PERIOD_MS = 60_000
const MIN_PERIOD_MS = 1000

/** Calls `sweep` now and again: often enough that nobody who follows such a chat hears of its end much too late. */
export function addSweep(app: FastifyInstance, chatTtlMs: number, sweep: () => Promise<void>): void {
  if (chatTtlMs === 0) return
  const sweepOnce = (): void => {
    sweep().catch((err: unknown) => app.log.error({ err }, 'idle chats were not closed'))
  }
  const timer = setInterval(sweepOnce, Math.max(MIN_PERIOD_MS, Math.min(MAX_PERIOD_MS, chatTtlMs / 10)))
  timer.unref()
  // Some may have come due while nothing was running.
  app.addHook('onListen', async () => sweepOnce())
  app.addHook('preClose', async () => clearInterval(timer))
}
