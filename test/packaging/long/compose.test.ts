/** What `deploy/compose.yaml` starts, without containers: nginx as configured there, two nodes and Redis. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadSettings } from '../../../src/cli/settings.ts'
import { startDeployedNginx } from '../../foreign/nginx.ts'
import { call, createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRedis } from '../../support/redis.ts'
import { openStream } from '../../support/streams.ts'

const deploy = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../../deploy/${file}`, import.meta.url)), 'utf8')
const COMPOSE = deploy('compose.yaml')

/** What stands behind this in compose.yaml. */
const said = (key: string) => new RegExp(`^ +${key}: '?(.*?)'?$`, 'm').exec(COMPOSE)?.[1] ?? ''

/** The settings that stand between `redis-server` and the volumes. */
const redisSettings = [
  ...(/- redis-server\n(.*?) {4}volumes:/s.exec(COMPOSE)?.[1] ?? '').matchAll(/- '?([^'\n]+)/g)
].map(([, setting = '']) => setting)

/** The lines of a service, or of what several services have in common. */
function linesOf(name: string): string {
  const indent = name.startsWith('x-') ? '' : '  '
  return new RegExp(`^${indent}${name}:.*\\n((?:${indent} .*\\n)*)`, 'm').exec(COMPOSE)?.[1] ?? ''
}

describe('compose.yaml', () => {
  it('pins every image by its full version', () => {
    const images = [...COMPOSE.matchAll(/^ +image: (.*)$/gm)].map(([, image = '']) => image)
    // Its own is built.
    expect(images.filter((image) => !/^[a-z]+:\d+\.\d+\.\d+-alpine(-slim)?$/.test(image))).toEqual(['silly-chat'])
    expect(images).toHaveLength(3)
  })

  it('gives nobody more than is needed: no capability, no writable root, and limits', () => {
    const hardened = linesOf('x-hardened')
    for (const line of ['read_only: true', 'cap_drop: [ALL]', 'no-new-privileges:true', 'pids_limit:', 'logging:']) {
      expect(hardened).toContain(line)
    }
    for (const service of ['x-node', 'redis', 'nginx']) {
      expect(linesOf(service), service).toContain('<<: *hardened')
      expect(linesOf(service), service).toContain('mem_limit:')
    }
    expect(COMPOSE).not.toMatch(/cap_add|privileged: true|network_mode/)
  })

  it('keeps nginx away from Redis, and gives the nodes time to end', () => {
    const networksOf = (service: string) => /networks: (.*)/.exec(linesOf(service))?.[1]
    expect(['x-node', 'redis', 'nginx'].map(networksOf)).toEqual(['[front, back]', '[back]', '[front]'])
    // More than the forced exit of main.ts.
    expect(said('stop_grace_period')).toBe('15s')
    expect(Number(said('nofile'))).toBeGreaterThan(loadSettings({}).MAX_STREAMS)
  })
})

describe.skipIf(!haveAll('nginx', 'redis-server', 'redis-cli'))('two nodes behind nginx', () => {
  async function start() {
    const redis = await aRedis(...redisSettings)
    const env = { STORE_URL: redis.url, TRUST_PROXY: said('TRUST_PROXY'), PUBLIC_URL: '' }
    const nodes = await Promise.all([startBuilt({ env }), startBuilt({ env })])
    const nginx = await startDeployedNginx([nodes[0].url, nodes[1].url])
    return { redis, nodes, nginx, ...(await createChat(nginx)) }
  }

  it('are one chat: streams on either see every message, and go on when the other node is lost', async () => {
    const { redis, nodes, nginx, chat, owner } = await start()
    expect([said('STORE_URL'), await redis.cli('config', 'get', 'maxmemory-policy')]).toEqual([
      'redis://redis:6379',
      'maxmemory-policy\nnoeviction'
    ])
    expect(new URL(chat).origin).toBe(nginx.url)
    const streams = [
      await openStream(`${chat}/events`, { user: owner }),
      await openStream(`${chat}/events`, { user: owner })
    ]
    for (const stream of streams) await stream.until('ready')
    const ids: number[] = []
    for (let count = 0; count < 10; count++) ids.push(await post(chat, owner, `before ${count}`))
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    for (const stream of streams) expect((await stream.take(10)).map(({ id }) => Number(id))).toEqual(ids)

    // The one on the node that is lost ends.
    const next = streams.map((stream) => stream.next().catch(() => undefined))
    await nodes[0].kill()
    // Every one is posted once, though every other node that is asked is not there.
    for (let count = 0; count < 10; count++) expect(await post(chat, owner, `after ${count}`)).toBe(11 + count)
    expect((await Promise.all(next)).map((event) => event?.data['text']).sort()).toEqual(['after 0', undefined])
  })

  it('refuse or drop what comes while none is there, and are found again', async () => {
    const { nodes, chat, owner } = await start()
    await Promise.all(nodes.map((node) => node.kill()))
    expect((await call(chat, { user: owner, json: { text: 'too early' } })).status).toBe(502)
    const stream = call(`${chat}/events`, { user: owner, headers: { accept: 'text/event-stream' } })
    await expect(stream).rejects.toThrow()
    await nodes[1].start()
    await expect.poll(async () => (await call(chat, { user: owner })).status, { timeout: 10_000 }).toBe(200)
    expect(await post(chat, owner, 'again')).toBe(1)
  })
})

describe.skipIf(!haveAll('nginx'))('what nginx passes on', () => {
  /** A node that takes requests and dies of each. */
  async function dyingNode(seen: IncomingHttpHeaders[]): Promise<string> {
    const server = createServer((request) => {
      seen.push(request.headers)
      request.socket.destroy()
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const address = server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  it('is a post to one node only, with nothing of what a client says of a proxy', async () => {
    const seen: IncomingHttpHeaders[] = []
    const nodes = [await dyingNode(seen), await dyingNode(seen)] as const
    const nginx = await startDeployedNginx(nodes)
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '1.2.3.4' }
    const { host } = new URL(nginx.url)
    expect((await call(`POST ${nginx.url}/v1/chats`, { headers })).status).toBe(502)
    expect(seen).toEqual([
      expect.objectContaining({
        host,
        'x-forwarded-host': host,
        'x-forwarded-proto': 'http',
        'x-forwarded-for': '127.0.0.1'
      })
    ])
  })
})
