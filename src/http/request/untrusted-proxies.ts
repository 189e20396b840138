/** Which peers are proxies whose `X-Forwarded-*` counts, and a warning about a proxy that TRUST_PROXY does not name. */
import fp from 'fastify-plugin'
import type { Settings } from '../../cli/settings.ts'
import { addressIn, membership } from './networks.ts'

const FORWARDED = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']

type Trusted = Settings['TRUST_PROXY']

/**
 * For Fastify, whose own library refuses networks such as 0.0.0.0/0 and does not recognize an address with a port.
 */
export function trustOf(trusted: Trusted): boolean | ((address: string | undefined) => boolean) {
  return typeof trusted === 'boolean' ? trusted : membership(trusted)
}

/** Warns once, because anybody can send such a header, and logs nothing of what it contains. */
export const untrustedProxies = fp<{ readonly trusted: Trusted }>(
  (app, { trusted }, done) => {
    done()
    if (trusted === true) return
    const isNamed = membership(trusted || [])
    let hasWarned = false
    app.addHook('onRequest', ({ raw, headers, log }, _reply, next) => {
      if (!hasWarned && FORWARDED.some((name) => headers[name] !== undefined)) {
        const peer = addressIn(raw.socket.remoteAddress)
        // A peer that has reset its connection has no address: the warning waits for one that can be named.
        if (peer !== undefined && !isNamed(peer)) {
          hasWarned = true
          log.warn({ peer }, 'a peer that TRUST_PROXY does not name sends forwarded headers, which count for nothing')
        }
      }
      next()
    })
  },
  { name: 'untrusted-proxies' }
)
