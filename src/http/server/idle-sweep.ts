/** Removes idle chats and expired handovers. Until then, they are answered like those that do not exist. */
import fp from 'fastify-plugin'

const MAX_PERIOD_MS = 60_000
const MIN_PERIOD_MS = 1000

export interface IdleSweepOptions {
  /** 0: chats never end by themselves, but handovers do. */
  readonly chatTtlMs: number
  readonly sweep: () => Promise<void>
}

/** Calls `sweep` at the start and then at least ten times in each TTL, so that a follower learns of the end soon after it. */
export const idleSweep = fp<IdleSweepOptions>(
  (app, { chatTtlMs, sweep }, done) => {
    done()
    let isSweeping = false
    const sweepOnce = async (): Promise<void> => {
      if (isSweeping) return
      isSweeping = true
      await sweep().catch((err: unknown) => app.log.error({ err }, 'idle chats or expired handovers were not removed'))
      isSweeping = false
    }
    const wanted = chatTtlMs === 0 ? MAX_PERIOD_MS : chatTtlMs / 10
    const timer = setInterval(sweepOnce, Math.max(MIN_PERIOD_MS, Math.min(MAX_PERIOD_MS, wanted)))
    timer.unref()
    // Some may have become idle while the server was not running.
    app.addHook('onListen', async () => void sweepOnce())
    app.addHook('preClose', async () => clearInterval(timer))
  },
  { name: 'idle-sweep' }
)
