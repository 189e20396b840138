/** Addresses as proxies write them, read the same way for limits and for trust. */
import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { loadSettings } from '../../../src/cli/settings.ts'
import { addressIn, membership, networkOf } from '../../../src/http/request/networks.ts'
import { trustOf } from '../../../src/http/request/untrusted-proxies.ts'
import { call, createChat, createLink } from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

const v4 = fc.ipV4()
const v6 = fc.ipV6()
const port = fc.integer({ min: 0, max: 65_535 })

describe('an address', () => {
  it('is the same with a port, in brackets, in quotes and with surrounding space', () => {
    fc.assert(
      fc.property(v4, v6, port, (four, six, at) => {
        for (const entry of [four, `${four}:${at}`, ` ${four} `, `"${four}:${at}"`]) expect(addressIn(entry)).toBe(four)
        for (const entry of [six, `[${six}]`, `[${six}]:${at}`, `"[${six}]:${at}"`]) expect(addressIn(entry)).toBe(six)
      })
    )
  })

  it.each([
    undefined,
    '',
    ' ',
    'unknown',
    '_hidden',
    'localhost',
    '203.0.113.7:',
    '203.0.113.7:123456',
    '203.0.113',
    '[203.0.113.7]:7',
    '[2001:db8::1',
    '[]',
    '1.2.3.4, 5.6.7.8',
    '"1.2.3.4'
  ])('is not %j', (entry) => {
    expect(addressIn(entry)).toBeUndefined()
  })
})

describe('the network', () => {
  it('of an IPv4 address is the address, also if it is mapped into IPv6', () => {
    fc.assert(
      fc.property(v4, port, (four, at) => {
        for (const entry of [four, `${four}:${at}`, `::ffff:${four}`, `[::ffff:${four}]:${at}`]) {
          expect(networkOf(entry)).toBe(four)
        }
      })
    )
  })

  it('of an IPv6 address is its /64, without port and zone', () => {
    const group = fc.integer({ min: 1, max: 0xffff }).map((number) => number.toString(16))
    const half = fc.tuple(group, group, group, group).map((groups) => groups.join(':'))
    fc.assert(
      fc.property(half, half, half, port, (network, host, other, at) => {
        const own = networkOf(`${network}:${host}`)
        expect(networkOf(`[${network}:${other}]:${at}`)).toBe(own)
        expect(networkOf(`${network}:${other}%eth0`)).toBe(own)
        expect(networkOf(`${network.toUpperCase()}::1`)).toBe(own)
        if (network !== other) expect(networkOf(`${other}:${host}`)).not.toBe(own)
      })
    )
  })

  it('never throws, and is the same for everything but addresses', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789abf.:[]%"/ ') })), (text) => {
        const address = addressIn(text)
        const network = networkOf(text)
        if (address === undefined) expect(network).toBe('unknown')
        else expect(isIPv6(address) ? isIPv6(network) || network.includes('.') : network === address).toBe(true)
      }),
      { numRuns: 2000 }
    )
    expect(networkOf(undefined)).toBe('unknown')
  })
})

describe('TRUST_PROXY', () => {
  const item = fc.oneof(
    v4,
    v6,
    fc.tuple(v4, fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`),
    fc.tuple(v6, fc.integer({ min: 0, max: 128 })).map(([address, bits]) => `${address}/${bits}`),
    fc.constantFrom('fe80::1%eth0', '0.0.0.0/0', '::/0', '::ffff:10.0.0.0/104')
  )

  it('starts a server with every accepted value', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 5 }), fc.oneof(v4, v6), (items, peer) => {
        const { TRUST_PROXY } = loadSettings({ TRUST_PROXY: items.join(', ') })
        Fastify({ trustProxy: trustOf(TRUST_PROXY) })
        const isNamed = membership(items)
        expect(isNamed(peer)).toBe(isNamed(isIPv6(peer) ? `[${peer}]:7` : `${peer}:7`))
        for (const one of items.filter((text) => !text.includes('/'))) expect(isNamed(one)).toBe(true)
      })
    )
  })

  it('trusts everybody with 0.0.0.0/0 and ::/0, and a proxy also if its port is given', async () => {
    for (const [TRUST_PROXY, forwarded, left] of [
      ['0.0.0.0/0', '203.0.113.7', 59],
      ['127.0.0.1,10.0.0.0/8', '203.0.113.8, 10.1.2.3:4711', 59]
    ] as const) {
      const server = await startServer({ env: { TRUST_PROXY, RATE_LIMIT: 'on' } })
      await call(`POST ${server.url}/v1/chats`)
      const answer = await call(`POST ${server.url}/v1/chats`, { headers: { 'x-forwarded-for': forwarded } })
      expect(answer.headers.get('ratelimit-remaining')).toBe(`${left}`)
    }
  })
})

it('counts a client as one network, whatever port its proxy writes', async () => {
  const server = await startServer({ env: { TRUST_PROXY: 'on', RATE_LIMIT: 'on' } })
  const { chat } = await createChat(server)
  const link = await createLink(chat)
  const left = async (address: string) =>
    Number((await call(`HEAD ${link}`, { headers: { 'x-forwarded-for': address } })).headers.get('ratelimit-remaining'))
  const first = await left('203.0.113.7')
  expect(await left('203.0.113.7:1001')).toBe(first - 1)
  expect(await left('203.0.113.7:1002')).toBe(first - 2)
  expect(await left('[2001:db8::1]:7')).toBe(first)
  expect(await left('2001:db8::2')).toBe(first - 1)
  expect(await left('unknown')).toBe(first)
  expect(await left('_secret')).toBe(first - 1)
  expect(await left(`${'x, '.repeat(500)}203.0.113.9`)).toBe(first - 2)
})
