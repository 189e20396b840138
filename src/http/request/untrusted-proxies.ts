/** Which peers are proxies whose `X-Forwarded-*` counts, and the warning about one that is not named. */
import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../cli/settings.ts'
import { addressIn, membership } from './networks.ts'

const FORWARDED = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']

type Trusted = Settings['TRUST_PROXY']

/**
 * For Fastify, which would read networks and addresses by a library of its own: that one refuses networks like
 * 0.0.0.0/0, and takes an address with a port for none.
 */
export function trustOf(trusted: Trusted): boolean | ((address: string | undefined) => boolean) {
  return typeof trusted === 'boolean' ? trusted : membership(trusted)
}

/** Anybody can send such a header, so once is enough, and nothing of what it says is logged. */
export function addUntrustedProxies(app: FastifyInstance, trusted: Trusted): void {
  if (trusted === true) return
  const isNamed = membership(trusted || [])
  let isSaid = false
  app.addHook('onRequest', ({ raw, headers, log }, _reply, done) => {
    if (!isSaid && FORWARDED.some((name) => headers[name] !== undefined)) {
      const peer = addressIn(raw.socket.remoteAddress)
      // A peer that has reset its connection has no address any more: the warning waits for one that can be named.
      if (peer !== undefined && !isNamed(peer)) {
        isSaid = true
        log.warn({ peer }, 'a peer that TRUST_PROXY does not name sends forwarded headers, which count for nothing')
      }
    }
    done()
  })
}
