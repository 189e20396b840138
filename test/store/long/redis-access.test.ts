/** Passwords and TLS of the Redis store, as the built program uses them. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/ports.ts'
import { runProgram } from '../../support/program.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { aCluster } from '../../support/redis-cluster.ts'
import { aChat, append, watched } from '../contract/support.ts'

const run = promisify(execFile)
/** With signs that a URL has to escape. */
const PASSWORD = 'open:s3same@/é'

async function aCertificate(): Promise<{ key: string; certificate: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'silly-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  await run('openssl', ['req', ...made, '-keyout', key, '-out', certificate, ...subject])
  return { key, certificate }
}

describe.skipIf(!haveAll('redis-server', 'redis-cli', 'openssl'))('a Redis that does not let everybody in', () => {
  it('takes the password of the URL', async () => {
    const redis = await aRedis()
    await redis.cli('config', 'set', 'requirepass', PASSWORD)
    const url = redis.url.replace('//', `//:${encodeURIComponent(PASSWORD)}@`)
    const server = await startBuilt({ env: { STORE_URL: url, LOG_LEVEL: 'trace' } })
    const { chat, owner } = await createChat(server)
    await post(chat, owner, 'hello')
    await redis.kill()
    await post(chat, owner, 'unheard').catch(() => undefined)
    await server.stop()
    expect(server.output()).not.toContain('s3same')
  })

  it('takes it on all servers of a cluster', async () => {
    const { masters, replica, url } = await aCluster()
    for (const redis of [...masters, replica]) await redis.cli('config', 'set', 'requirepass', PASSWORD)
    const store = await aNode(url.replace('//', `//:${encodeURIComponent(PASSWORD)}@`))
    const tags = await Promise.all(Array.from({ length: 30 }, () => aChat(store)))
    const watchers = await Promise.all(tags.map((tag) => watched(store, tag)))
    await Promise.all(tags.map((tag) => append(store, tag, 'hello')))
    await eventually(() => watchers.every(({ heard }) => heard.length === 1), 'every watcher is notified once')
  })

  it('is not reached with a wrong password or none, and no sentence tells the password', async () => {
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

  it('is reached over TLS where its certificate is trusted, and nowhere else', async () => {
    const { key, certificate } = await aCertificate()
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
