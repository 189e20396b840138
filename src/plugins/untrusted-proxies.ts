/** A proxy that is there but was not named: who runs the server is told once. */
import { BlockList, isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Settings } from '../settings.ts'

const FORWARDED = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']

/** Anybody can send such a header, so once is enough, and nothing of what it says is logged. */
export function addUntrustedProxies(app: FastifyInstance, trusted: Settings['TRUST_PROXY']): void {
  if (trusted === true) return
  const named = listOf(trusted || [])
  let isSaid = false
  app.addHook('onRequest', ({ raw, headers, log }, _reply, done) => {
    if (!isSaid && FORWARDED.some((name) => headers[name] !== undefined)) {
      const peer = raw.socket.remoteAddress ?? ''
      if (!named.check(peer, familyOf(peer))) {
        isSaid = true
        log.warn({ peer }, 'a peer that TRUST_PROXY does not name sends forwarded headers, which count for nothing')
      }
    }
    done()
  })
}

function listOf(addressesAndNetworks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const item of addressesAndNetworks) {
    const [address = '', prefix] = item.split('/')
    if (prefix === undefined) list.addAddress(address, familyOf(address))
    else list.addSubnet(address, Number(prefix), familyOf(address))
  }
  return list
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
