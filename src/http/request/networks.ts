/** Parses the addresses of clients and proxies, and the networks that limits count by. */
import { BlockList, isIP } from 'node:net'
import { normalizeIP } from '@fastify/rate-limit'

const IPV6_PREFIX = 64
/** The network of everything that is not an address. */
const UNKNOWN = 'unknown'

/**
 * The address in the remote address of a socket or an entry of `X-Forwarded-For`: some proxies add a port
 * (`203.0.113.7:1001`, `[2001:db8::1]:7`) or quotes as in RFC 7239, section 6. Undefined for everything else: names,
 * `unknown`, or undefined, which a socket gives after its peer has reset it.
 */
export function addressIn(text: string | undefined): string | undefined {
  const [, , bracketed, withPort, plain] =
    /^("?)(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5}|(.*))\1$/s.exec(text?.trim() ?? '') ?? []
  // A zone has a meaning only on the host that named it (RFC 4007, section 11).
  const address = (bracketed ?? withPort ?? plain)?.replace(/%.*$/s, '')
  if (address === undefined) return undefined
  const kind = isIP(address)
  return kind === 0 || (bracketed !== undefined && kind !== 6) ? undefined : address
}

/** The network that limits count an address by: the IPv4 address itself, or the IPv6 /64. */
export function networkOf(text: string | undefined): string {
  const address = addressIn(text)
  return address === undefined ? UNKNOWN : normalizeIP(address, IPV6_PREFIX)
}

/** Returns a function that checks whether an address is one of these or in one of these networks (`10.0.0.0/8`). */
export function membership(addressesAndNetworks: readonly string[]): (text: string | undefined) => boolean {
  const list = new BlockList()
  for (const item of addressesAndNetworks) {
    const [address = '', prefix] = item.split('/')
    if (prefix === undefined) list.addAddress(address, familyOf(address))
    else list.addSubnet(address, Number(prefix), familyOf(address))
  }
  return (text) => {
    const address = addressIn(text)
    return address !== undefined && list.check(address, familyOf(address))
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
