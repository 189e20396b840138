/** Forwarded headers from an untrusted peer change nothing and are logged once. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { call, createChat } from '../../support/api.ts'
import { startServer, type TestServer } from '../../support/server.ts'

const SPOOFED = {
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  forwarded: 'for=203.0.113.7;host=evil.example;proto=https'
}

/** The base of its URLs, the address, the scheme and the host of a request. */
async function knownAs({ url }: TestServer, headers: Record<string, string>) {
  const told = z.object({
    request: z.object({ base: z.string(), ip: z.string(), protocol: z.string(), host: z.string() })
  })
  let known: z.infer<typeof told>['request'] | undefined
  const listen = (message: unknown): void => {
    known = told.parse(message).request
  }
  // Fastify's own values, as a route gets them.
  subscribe('tracing:fastify.request.handler:start', listen)
  onTestFinished(() => void unsubscribe('tracing:fastify.request.handler:start', listen))
  const answer = await call(`POST ${url}/v1/chats`, { headers })
  unsubscribe('tracing:fastify.request.handler:start', listen)
  const { chat } = z.object({ chat: z.string() }).parse(await answer.json())
  return { ...known, url: new URL(chat).origin }
}

const warningsOf = ({ log }: TestServer) =>
  log
    .map((line) => z.looseObject({ level: z.int(), msg: z.string() }).parse(JSON.parse(line)))
    .filter(({ level }) => level === 40)

describe('forwarded headers', () => {
  it.each(['off', '10.0.0.1', '10.0.0.0/8,2001:db8::/32'])(
    'change nothing from a peer that is not trusted (TRUST_PROXY=%s)',
    async (TRUST_PROXY) => {
      const server = await startServer({ env: { TRUST_PROXY } })
      const host = new URL(server.url).host
      const expected = { base: server.url, url: server.url, ip: '127.0.0.1', protocol: 'http', host }
      expect(await knownAs(server, {})).toMatchObject(expected)
      expect(await knownAs(server, SPOOFED)).toMatchObject(expected)
      for (const [name, value] of Object.entries(SPOOFED)) {
        expect(await knownAs(server, { [name]: value }), name).toMatchObject(expected)
      }
    }
  )

  it('are used from a trusted peer; of several addresses the last untrusted one', async () => {
    const server = await startServer({ env: { TRUST_PROXY: '127.0.0.1,10.0.0.0/8' } })
    const url = 'https://evil.example'
    expect(await knownAs(server, SPOOFED)).toMatchObject({ base: url, url, ip: '203.0.113.7', protocol: 'https' })
    const chain = { 'x-forwarded-for': '192.0.2.66, 203.0.113.7, 10.1.2.3' }
    expect(await knownAs(server, chain)).toMatchObject({ ip: '203.0.113.7' })
    expect(warningsOf(server)).toEqual([])
  })

  it('never move URLs away from PUBLIC_URL', async () => {
    const server = await startServer({ env: { TRUST_PROXY: 'on', PUBLIC_URL: 'https://chat.example.org/silly' } })
    expect(await knownAs(server, SPOOFED)).toMatchObject({ url: 'https://chat.example.org' })
  })
})

describe('the warning about an untrusted peer', () => {
  it.each(Object.keys(SPOOFED))('is logged once, with its address only (%s)', async (name) => {
    const server = await startServer({ env: { TRUST_PROXY: '10.0.0.1' } })
    const { chat, owner } = await createChat(server)
    expect(warningsOf(server)).toEqual([])
    for (let count = 0; count < 3; count++) {
      await call(chat, { user: owner, headers: { [name]: 'evil.example' } })
      await call(`${server.url}/nowhere`, { headers: SPOOFED })
    }
    const warnings = warningsOf(server)
    expect(warnings).toEqual([
      expect.objectContaining({ peer: '127.0.0.1', msg: expect.stringContaining('TRUST_PROXY') })
    ])
    expect(server.log.join('')).not.toMatch(/evil|203\.0\.113/)
  })

  it('is logged if no proxy is trusted at all', async () => {
    const server = await startServer()
    await call(server.url, { headers: SPOOFED })
    expect(warningsOf(server)).toHaveLength(1)
  })

  it('is not logged if its address or network is named, or all are trusted', async () => {
    for (const TRUST_PROXY of ['on', '127.0.0.1', '::1, 127.0.0.0/8']) {
      const server = await startServer({ env: { TRUST_PROXY } })
      await call(`${server.url}/health`, { headers: { 'x-forwarded-for': '203.0.113.7' } })
      expect(warningsOf(server), TRUST_PROXY).toEqual([])
    }
  })
})
