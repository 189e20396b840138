/** Every accepted value of a setting works where it is used, and means the same there. */
import fc from 'fast-check'
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { loadSettings, type Settings } from '../../src/cli/settings.ts'
import { membership } from '../../src/http/request/networks.ts'
import { folderOf, isFileUrl } from '../../src/store/open.ts'
import { call } from '../support/api.ts'
import { startServer } from '../support/server.ts'

/** Texts that resemble a value, valid and invalid. */
const made = (...parts: string[]) =>
  fc
    .array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...parts) }, fc.string({ maxLength: 3 })), { maxLength: 7 })
    .map((all) => all.join(''))

function accepted<Name extends keyof Settings>(name: Name, value: string): Settings[Name] | undefined {
  try {
    return loadSettings({}, { [name]: value })[name]
  } catch {
    return undefined
  }
}

/** Checks every accepted text; enough of them must be accepted. */
function checkAll<Name extends keyof Settings>(
  name: Name,
  texts: fc.Arbitrary<string>,
  check: (value: NonNullable<Settings[Name]>) => void,
  numRuns = 2000
): void {
  let count = 0
  fc.assert(
    fc.property(texts, (text) => {
      const value = accepted(name, text)
      if (value === undefined) return
      count++
      check(value)
    }),
    { numRuns }
  )
  expect(count, `${name} that were accepted`).toBeGreaterThan(numRuns / 100)
}

describe('an accepted value', () => {
  it('of STORE_URL is a folder without invisible characters, or a URL of the Redis client', () => {
    const parts = [
      'file:',
      'file:///',
      'redis://',
      'rediss://',
      'memory:',
      '/',
      '..',
      'data',
      ':',
      '@',
      'user',
      '%41',
      '%zz',
      '%00',
      '%0d',
      '[::1]',
      '6379',
      '/2',
      '?db=1',
      '#',
      '~',
      '\r',
      ' '
    ]
    checkAll(
      'STORE_URL',
      fc
        .tuple(fc.constantFrom('file:', 'file:///', 'redis://', 'rediss://a:b@', ''), made(...parts))
        .map((all) => all.join('')),
      (url) => {
        if (url === 'memory:') return
        if (isFileUrl(url)) expect(folderOf(url)).toMatch(/^[^~\p{Cc}\p{Cf}][^\p{Cc}\p{Cf}]*$/u)
        else {
          createClient({ url })
          const { pathname, search, hash } = new URL(url)
          expect([pathname, search, hash]).toEqual([expect.stringMatching(/^(\/\d*)?$/), '', ''])
        }
      },
      // Creating a Redis client is slow.
      150
    )
  })

  it('of PUBLIC_URL is a base that stays on its host, and is safe in HTML, in a policy and in a replacement', () => {
    const parts = [
      'example',
      '.org',
      ':8080',
      '/',
      'chat',
      '%20',
      '%',
      '$&',
      '&lt;',
      "'",
      ';',
      ',',
      '@',
      '?',
      '#',
      '\\',
      '[::1]',
      'é'
    ]
    checkAll(
      'PUBLIC_URL',
      fc.tuple(fc.constantFrom('https://example.org/', 'http://a'), made(...parts)).map((all) => all.join('')),
      (base) => {
        const { origin, pathname } = new URL(`${base}/v1/chats/x`)
        expect(origin).toMatch(/^https?:\/\/[a-z\d.:_[\]-]+$/)
        expect(new URL(pathname, 'https://own.example').href).toBe(`https://own.example${pathname}`)
        expect(pathname).not.toMatch(/[&<>"'`$;\s]/)
        expect(pathname.endsWith('/v1/chats/x')).toBe(true)
      }
    )
  })

  it('of CORS_ORIGIN is an origin as browsers send it', () => {
    const parts = ['https://', 'http://', 'example', '.org', ':8080', ':443', '/', ',', ' ', 'null', '*', ';']
    checkAll(
      'CORS_ORIGIN',
      fc.tuple(fc.constantFrom('https://a', '*', ''), made(...parts)).map((all) => all.join('')),
      (origins) => {
        if (origins === '*') return
        for (const origin of origins) expect(new URL(origin).origin).toBe(origin)
      }
    )
  })

  it('of TRUST_PROXY is accepted by a list of networks', () => {
    const parts = ['10.0.0.0', '::1', '/', '0', '8', '128', ',', ' ', 'fe80::1', '%eth0', '::ffff:', 'loopback']
    checkAll(
      'TRUST_PROXY',
      fc.tuple(fc.constantFrom('10.0.0.0', '::', ''), made(...parts)).map((all) => all.join('')),
      (trusted) => void membership(typeof trusted === 'boolean' ? [] : trusted)
    )
  })

  it('at a limit starts a server', async () => {
    const most = `${Number.MAX_SAFE_INTEGER}`.slice(0, 15)
    const limits = { MAX_STREAM_BUFFER_BYTES: most, MAX_STREAMS: most, MAX_CHAT_BYTES: most, MAX_STORE_BYTES: most }
    for (const env of [
      { ...limits, HEARTBEAT_SECONDS: '3600', CHAT_TTL_SECONDS: '31557600000', TRUST_PROXY: '0.0.0.0/0,::/0' },
      {
        CHAT_TTL_SECONDS: '0',
        PUBLIC_URL: 'https://[::1]:8443/a.b/(c)',
        CORS_ORIGIN: 'https://[::1]',
        RATE_LIMIT: 'on'
      }
    ]) {
      const { url } = await startServer({ env })
      expect((await call(`POST ${url}/v1/chats`)).status).toBe(201)
      expect((await call(`${url}/`, { headers: { accept: 'text/html' } })).status).toBe(200)
      expect((await call(`${url}/docs/`)).status).toBe(200)
    }
  })
})
