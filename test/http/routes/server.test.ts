/** `GET /v1/server` says what the server is. */
import { describe, expect, it } from 'vitest'
import { loadSettings } from '../../../src/cli/settings.ts'
import { RATE_LIMITS } from '../../../src/http/limits/rate-limits.ts'
import { serverInfoOf } from '../../../src/http/routes/server.ts'
import { call, createChat } from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

const DEFAULTS = {
  version: '0.0.0',
  store: 'memory',
  chat_ttl_seconds: 2_592_000,
  empty_chat_ttl_seconds: 86_400,
  push: false,
  sealed: false,
  max_text_length: 4000,
  max_sealed_text_length: 20_480
}

describe('GET /v1/server', () => {
  it('has exactly these members, for everybody', async () => {
    const server = await startServer()
    const answer = await call(`${server.url}/v1/server`, { headers: { accept: 'text/html' } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8'])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual(DEFAULTS)
  })

  it('says the longest text that is accepted', async () => {
    const server = await startServer()
    const { max_text_length } = JSON.parse(await (await call(`${server.url}/v1/server`)).text())
    const { chat, owner } = await createChat(server)
    const post = async (length: number) =>
      (await call(chat, { user: owner, json: { text: 'x'.repeat(length) } })).status
    expect([await post(max_text_length), await post(max_text_length + 1)]).toEqual([201, 400])
  })

  it('follows the settings', async () => {
    const server = await startServer({ env: { CHAT_TTL_SECONDS: '3600' } })
    expect(await (await call(`${server.url}/v1/server`)).json()).toEqual({
      ...DEFAULTS,
      chat_ttl_seconds: 3600,
      empty_chat_ttl_seconds: 3600
    })
  })

  it.each([
    [{ STORE_URL: 'memory:' }, { store: 'memory' }],
    [{ STORE_URL: 'file:./redis' }, { store: 'file' }],
    [{ STORE_URL: 'file:///tmp/memory' }, { store: 'file' }],
    [{ STORE_URL: 'redis://file:6379' }, { store: 'redis' }],
    [{ STORE_URL: 'rediss://localhost' }, { store: 'redis' }],
    [{ CHAT_TTL_SECONDS: '0' }, { chat_ttl_seconds: 0, empty_chat_ttl_seconds: 0 }],
    [{ CHAT_TTL_SECONDS: '1' }, { chat_ttl_seconds: 1, empty_chat_ttl_seconds: 1 }],
    [{ CHAT_TTL_SECONDS: '86401' }, { chat_ttl_seconds: 86_401, empty_chat_ttl_seconds: 86_400 }]
  ])('for the settings %j says %j', (settings, expected) => {
    expect(serverInfoOf(loadSettings(settings), '1.2.3')).toEqual({ ...DEFAULTS, version: '1.2.3', ...expected })
  })

  it('has the limit of reading, and does not need the store', async () => {
    const wrap = () =>
      new Proxy(Object.create(null), {
        get: (_store, name) => (name === 'count' || name === 'clockSkewMs' ? undefined : () => Promise.reject(name))
      })
    const server = await startServer({ env: { RATE_LIMIT: 'on', CHAT_TTL_SECONDS: '0' }, wrap })
    const { status, headers } = await call(`${server.url}/v1/server`)
    expect([status, headers.get('ratelimit-limit')]).toEqual([200, `${RATE_LIMITS.read.own}`])
  })
})
