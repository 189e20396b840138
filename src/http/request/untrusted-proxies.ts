/**
 * Which peers are proxies whose `X-Forwarded-*` counts, which network a request comes from, and a warning about a proxy that
 * TRUST_PROXY does not name.
 */
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { ClientNetwork } from '../../chat/service.ts'
import type { Settings } from '../../cli/settings.ts'
import { addressIn, membership, networkOf } from './networks.ts'

const FORWARDED = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']

/** Loopback and private addresses: where a proxy of one's own is. RFC 1122, 1918, 3927, 4193, 4291, 6598. */
const isNearby = membership([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '::1',
  'fc00::/7',
  'fe80::/10'
])

type Trusted = Settings['TRUST_PROXY']

declare module 'fastify' {
  interface FastifyRequest {
    readonly network: ClientNetwork
  }
}

/**
 * For Fastify, whose own library refuses networks such as 0.0.0.0/0 and does not recognize an address with a port.
 */
export function trustOf(trusted: Trusted): boolean | ((address: string | undefined) => boolean) {
  return typeof trusted === 'boolean' ? trusted : membership(trusted)
}

/** Decorates requests with `network`. Warns once, because anybody can send such a header, and logs nothing of what it contains. */
export const untrustedProxies = fp<{ readonly trusted: Trusted }>(
  (app, { trusted }, done) => {
    done()
    const isNamed = trusted === true ? () => true : membership(trusted || [])
    let hasWarned = false
    app.decorateRequest('network', {
      getter() {
        const peer = this.raw.socket.remoteAddress
        // A stranger can send such a header too, but a stranger's address is not near.
        const isOfUnnamedProxy = isNearby(peer) && comesFromUnnamedProxy(this, isNamed)
        // It has named no address of a client.
        const isOfNamedProxy = trusted === true ? this.ip === peer : isNamed(this.ip)
        const isSure = addressIn(this.ip) !== undefined && !isOfUnnamedProxy && !isOfNamedProxy
        return { name: networkOf(this.ip), isSure }
      }
    })
    app.addHook('onRequest', (request, _reply, next) => {
      if (!hasWarned && comesFromUnnamedProxy(request, isNamed)) {
        const peer = addressIn(request.raw.socket.remoteAddress)
        // A peer that has reset its connection has no address: the warning waits for one that can be named.
        if (peer !== undefined) {
          hasWarned = true
          const text = 'a peer that TRUST_PROXY does not name sends forwarded headers, which count for nothing'
          request.log.warn({ peer }, text)
        }
      }
      next()
    })
  },
  { name: 'untrusted-proxies' }
)

function comesFromUnnamedProxy({ raw, headers }: FastifyRequest, isNamed: (peer: string | undefined) => boolean) {
  return FORWARDED.some((name) => headers[name] !== undefined) && !isNamed(raw.socket.remoteAddress)
}
