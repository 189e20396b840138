/** Passwords, TLS and the eviction policy of the Redis store, with the built program. */
import { mkdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { makeCertificate } from '../../foreign/certificate.ts'
import { call, createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { eventually } from '../../support/eventually.ts'
import { aFolder } from '../../support/file-store.ts'
import { freePort } from '../../support/ports.ts'
import { runProgram } from '../../support/program.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { aCluster } from '../../support/redis-cluster.ts'
import { aChat, append, watched } from '../contract/support.ts'

/** Has characters that must be escaped in a URL. */
const PASSWORD = 'open:s3same@/é'

describe.skipIf(!haveAll('redis-server', 'redis-cli'))('a Redis that evicts', () => {
  it('stops the start with a sentence, and with REDIS_EVICTION=warn it is logged', async () => {
    const redis = await aRedis('--maxmemory-policy', 'allkeys-lru')
    const { code, err } = await runProgram({ env: { STORE_URL: redis.url } }).ended
    expect(code).toBe(1)
    expect(err).toMatch(
      /^STORE_URL: 127\.0\.0\.1:\d+ has maxmemory-policy allkeys-lru, so it deletes chats when it is full\. .*\n$/
    )
    const server = await startBuilt({ env: { STORE_URL: redis.url, REDIS_EVICTION: 'warn', LOG_LEVEL: 'warn' } })
    expect((await call(`${server.url}/ready`)).status).toBe(200)
    await server.stop()
    expect(server.output()).toContain('has maxmemory-policy allkeys-lru')
  })
})

describe.skipIf(!haveAll('redis-server', 'redis-cli', 'openssl'))('a Redis with a password or TLS', () => {
  it('accepts the password in the URL, which is never logged', async () => {
    const redis = await aRedis()
    await redis.cli('config', 'set', 'requirepass', PASSWORD)
    const url = redis.url.replace('//', `//:${encodeURIComponent(PASSWORD)}@`)
    const server = await startBuilt({ env: { STORE_URL: url, LOG_LEVEL: 'trace' } })
    const { chat, owner } = await createChat(server)
    await post(chat, owner, 'hello')
    await redis.kill()
    await post(chat, owner, 'lost').catch(() => undefined)
    await server.stop()
    expect(server.output()).not.toContain('s3same')
  })

  it('accepts the password on all servers of a cluster', async () => {
    const { masters, replica, url } = await aCluster()
    for (const redis of [...masters, replica]) await redis.cli('config', 'set', 'requirepass', PASSWORD)
    const store = await aNode(url.replace('//', `//:${encodeURIComponent(PASSWORD)}@`))
    const tags = await Promise.all(Array.from({ length: 30 }, () => aChat(store)))
    const watchers = await Promise.all(tags.map((tag) => watched(store, tag)))
    await Promise.all(tags.map((tag) => append(store, tag, 'hello')))
    await eventually(() => watchers.every(({ notified }) => notified.length === 1), 'every watcher is notified once')
  })

  it('refuses a wrong or missing password, and no message contains the password', async () => {
    const redis = await aRedis()
    await redis.cli('config', 'set', 'requirepass', 'right')
    const host = redis.url.slice('redis://'.length)
    const cases = [`redis://:s3same@${host}`, `redis://nobody:s3same@${host}`, redis.url, `redis://:s3same@${host}:x`]
    for (const url of [...cases, `redis://:s3same%@${host}`]) {
      const { code, out, err } = await runProgram({ env: { STORE_URL: url, LOG_LEVEL: 'trace' } }).ended
      expect(code, url).toBe(1)
      expect(
        err.split('\n').filter((line) => line !== ''),
        url
      ).toHaveLength(1)
      expect(out + err).not.toContain('s3same')
    }
  })

  it('is reached over TLS only if its certificate is trusted', async () => {
    const folder = aFolder()
    mkdirSync(folder)
    const { key, certificate } = makeCertificate(folder)
    const port = await freePort()
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-auth-clients', 'no']
    await aRedis('--tls-port', `${port}`, ...files)
    const env = { STORE_URL: `rediss://127.0.0.1:${port}` }
    const server = await startBuilt({ env: { ...env, NODE_EXTRA_CA_CERTS: certificate } })
    const { chat, owner } = await createChat(server)
    await post(chat, owner, 'hello')
    const { code, err } = await runProgram({ env }).ended
    expect(code).toBe(1)
    expect(err).toMatch(/^STORE_URL: The store at .* cannot be reached: .*certificate.*\n$/)
  })
})
