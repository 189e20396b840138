import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { environment, flagOf, isSet, loadSettings } from '../../src/cli/settings.ts'

describe('settings', () => {
  it('are known to be set by a flag or a variable that is not empty', () => {
    const is = (env: Record<string, string>, flags: Record<string, string>) => isSet('MAX_STORE_BYTES', env, flags)
    expect([is({}, {}), is({ MAX_STORE_BYTES: '' }, { PORT: '1' })]).toEqual([false, false])
    expect([is({ MAX_STORE_BYTES: '1' }, {}), is({}, { MAX_STORE_BYTES: '1' })]).toEqual([true, true])
  })

  it('all have defaults', () => {
    expect(loadSettings({})).toEqual({
      HOST: '127.0.0.1',
      PORT: 8000,
      TRUST_PROXY: false,
      STORE_URL: 'memory:',
      REDIS_EVICTION: 'refuse',
      RATE_LIMIT: 'on',
      CORS_ORIGIN: '*',
      METRICS_ADDRESS: false,
      LOG_LEVEL: 'info',
      HEARTBEAT_SECONDS: 15,
      MAX_STREAM_BUFFER_BYTES: 1048576,
      MAX_STREAMS: 50000,
      MAX_CHAT_BYTES: 8388608,
      MAX_STORE_BYTES: 1073741824,
      CHAT_TTL_SECONDS: 2592000
    })
  })

  it.each([
    ['PORT', '0', 0],
    ['PORT', '', 8000],
    ['HOST', '::', '::'],
    ['PUBLIC_URL', 'https://example.org/chat/', 'https://example.org/chat'],
    ['PUBLIC_URL', 'HTTPS://Example.org', 'https://example.org'],
    ['TRUST_PROXY', 'on', true],
    ['TRUST_PROXY', 'off', false],
    ['TRUST_PROXY', '10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
    ['CORS_ORIGIN', 'https://a.example,http://b.example:8080', ['https://a.example', 'http://b.example:8080']],
    ['STORE_URL', 'file:./data', 'file:./data'],
    ['STORE_URL', 'file:///var/lib/chats', 'file:///var/lib/chats'],
    ['STORE_URL', 'file:../a b/./c/', 'file:../a b/./c/'],
    ['STORE_URL', 'file:///a%20b/c%23', 'file:///a%20b/c%23'],
    ['STORE_URL', 'rediss://me:p%40ss@[::1]:6380/2', 'rediss://me:p%40ss@[::1]:6380/2'],
    ['TRUST_PROXY', '0.0.0.0/0,::/0', ['0.0.0.0/0', '::/0']],
    ['METRICS_ADDRESS', 'off', false],
    ['METRICS_ADDRESS', '127.0.0.1:9100', { host: '127.0.0.1', port: 9100 }],
    ['METRICS_ADDRESS', '[::1]:0', { host: '::1', port: 0 }],
    ['LOG_LEVEL', 'silent', 'silent']
  ])('%s may be %j', (name, value, read) => {
    expect(loadSettings({ [name]: value })).toMatchObject({ [name]: read })
  })

  it.each([
    ['PORT', '70000'],
    ['PORT', '-1'],
    ['PORT', '8e3'],
    ['PORT', 'http'],
    ['HOST', 'a b'],
    ['PUBLIC_URL', 'example.org'],
    ['PUBLIC_URL', 'ftp://example.org'],
    ['PUBLIC_URL', 'https://example.org/?a'],
    ['PUBLIC_URL', 'https://user@example.org'],
    ['PUBLIC_URL', 'https://example.org?'],
    ['PUBLIC_URL', 'https://example.org/#'],
    ['PUBLIC_URL', 'https://example.org/a b'],
    ['PUBLIC_URL', ' https://example.org'],
    ['PUBLIC_URL', 'https:\\\\example.org'],
    ['PUBLIC_URL', 'https:example.org'],
    ['TRUST_PROXY', 'yes'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['TRUST_PROXY', '10.0.0.1,,'],
    ['TRUST_PROXY', '10.0.0.1/8/8'],
    ['TRUST_PROXY', 'loopback'],
    ['TRUST_PROXY', '10.0.0.1:80'],
    ['METRICS_ADDRESS', '[127.0.0.1]:9100'],
    ['METRICS_ADDRESS', '[:::]:9100'],
    ['PUBLIC_URL', 'https://example.org//evil.example'],
    ['PUBLIC_URL', "https://example.org/a'b"],
    ['PUBLIC_URL', 'https://example.org/a&b'],
    ['PUBLIC_URL', 'https://example.org/$1'],
    ['PUBLIC_URL', 'https://example.org/%zz'],
    ['PUBLIC_URL', 'https://a;b'],
    ['PORT', '1e3'],
    ['PORT', '0x10'],
    ['PORT', ' 5'],
    ['PORT', '+5'],
    ['CHAT_TTL_SECONDS', '\u0663'],
    ['CHAT_TTL_SECONDS', '1_000'],
    ['STORE_URL', 'file:'],
    ['STORE_URL', 'file:~/chats'],
    ['STORE_URL', 'file:./data?x=1'],
    ['STORE_URL', 'file:///data?x=1'],
    ['STORE_URL', 'file:///data#1'],
    ['STORE_URL', 'file:///a%2Fb'],
    ['STORE_URL', 'file:///a%00b'],
    ['STORE_URL', 'file:///a%0D'],
    ['STORE_URL', 'file:///a%ff'],
    ['STORE_URL', 'memory:foo'],
    ['STORE_URL', 'memory://'],
    ['STORE_URL', 'redis://localhost/chats'],
    ['STORE_URL', 'redis://localhost/0/1'],
    ['STORE_URL', 'redis://localhost/?db=1'],
    ['STORE_URL', 'redis://localhost#1'],
    ['STORE_URL', 'redis://:%zz@localhost'],
    ['STORE_URL', 'redis://localhost:99999'],
    ['STORE_URL', 'file://host/folder'],
    ['STORE_URL', 'memory'],
    ['STORE_URL', 'redis:'],
    ['STORE_URL', 'redis:///0'],
    ['STORE_URL', 'http://localhost'],
    ['RATE_LIMIT', 'yes'],
    ['CORS_ORIGIN', 'example.org'],
    ['METRICS_ADDRESS', 'on'],
    ['METRICS_ADDRESS', '9100'],
    ['METRICS_ADDRESS', 'localhost:99999'],
    ['METRICS_ADDRESS', '::1:9100'],
    ['CORS_ORIGIN', 'https://example.org/path'],
    ['LOG_LEVEL', 'loud'],
    ['HEARTBEAT_SECONDS', '0'],
    ['HEARTBEAT_SECONDS', '1.5'],
    ['MAX_STREAM_BUFFER_BYTES', '0'],
    ['MAX_STREAMS', 'many'],
    ['MAX_CHAT_BYTES', '-5'],
    ['MAX_STORE_BYTES', '1GB']
  ])('%s must not be %j, and the sentence names it', (name, value) => {
    expect(() => loadSettings({ [name]: value })).toThrow(new RegExp(`^${name} must (be|not) .*\\.$`))
  })

  it.each(Object.keys(environment.shape))(
    '%s must not contain invisible characters, and the message says so',
    (name) => {
      const values: Record<string, unknown> = { ...loadSettings({}), TRUST_PROXY: 'off', METRICS_ADDRESS: 'off' }
      const value = `${values[name] ?? 'https://example.org'}`
      expect(() => loadSettings({ [name]: value })).not.toThrow()
      for (const wrong of [
        `${value}\r`,
        `${value}\n`,
        ` ${value}`,
        `${value}\t`,
        `${value}\0`,
        `${value}\u200b`,
        `\ufeff${value}`
      ]) {
        const sentence = `${name} must not start or end with white space or contain invisible characters`
        expect(() => loadSettings({ [name]: wrong }), JSON.stringify(wrong)).toThrow(sentence)
        expect(() => loadSettings({}, { [name]: wrong })).toThrow(sentence.replace(name, flagOf(name)))
      }
      expect(() => loadSettings({ [name]: ' ' })).toThrow(name)
      expect(() => loadSettings({}, { [name]: '' })).toThrow(new RegExp(`^${flagOf(name)} must be .*\\.$`))
    }
  )

  it('that are invalid are all named at once', () => {
    expect(() => loadSettings({ PORT: 'x', LOG_LEVEL: 'x' })).toThrow(/PORT.*\n.*LOG_LEVEL/)
  })

  it('can be flags, which take precedence over variables', () => {
    const env = { PORT: '1', HOST: '::1', LOG_LEVEL: 'loud' }
    expect(loadSettings(env, { PORT: '2', LOG_LEVEL: 'warn' })).toMatchObject({
      PORT: 2,
      HOST: '::1',
      LOG_LEVEL: 'warn'
    })
  })

  it('that are invalid are named as they were given: by flag or by variable', () => {
    expect(() => loadSettings({ PORT: 'x', LOG_LEVEL: 'x' }, { PORT: '-1', STORE_URL: '' })).toThrow(
      /^--port must be .*\.\n--store must be .*\.\nLOG_LEVEL must be .*\.$/
    )
  })

  it('are the same as in README.md, with the same defaults and meanings', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$/gm)].map(([, ...cells]) => cells)
    const defaults: Record<string, unknown> = {
      ...loadSettings({}),
      TRUST_PROXY: 'off',
      METRICS_ADDRESS: 'off',
      PUBLIC_URL: undefined
    }
    const expected = Object.entries(environment.shape).map(([name, schema]) => [
      name,
      defaults[name] === undefined ? "the request's own" : `\`${defaults[name]}\``,
      schema.description
    ])
    expect(rows).toEqual(expected)
  })
})
