/** What `deploy/compose.yaml` starts, but without containers: nginx, two nodes and Redis. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadSettings } from '../../../src/cli/settings.ts'
import { startDeployedNginx } from '../../foreign/nginx.ts'
import { listenOn } from '../../kit/wire.ts'
import { call, createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRedis } from '../../support/redis.ts'
import { openStream } from '../../support/streams.ts'

const deploy = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../../deploy/${file}`, import.meta.url)), 'utf8')
const COMPOSE = deploy('compose.yaml')

/** The value of this key in compose.yaml. */
const settingOf = (key: string) => new RegExp(`^ +${key}: '?(.*?)'?$`, 'm').exec(COMPOSE)?.[1] ?? ''

/** The arguments of `redis-server`. */
const redisSettings = [
  ...(/- redis-server\n(.*?) {4}volumes:/s.exec(COMPOSE)?.[1] ?? '').matchAll(/- '?([^'\n]+)/g)
].map(([, setting = '']) => setting)

/** The lines of a service, or of an extension (`x-…`) that services share. */
function linesOf(name: string): string {
  const indent = name.startsWith('x-') ? '' : '  '
  return new RegExp(`^${indent}${name}:.*\\n((?:${indent} .*\\n)*)`, 'm').exec(COMPOSE)?.[1] ?? ''
}

describe('compose.yaml', () => {
  it('pins every image by its full version', () => {
    const images = [...COMPOSE.matchAll(/^ +image: (.*)$/gm)].map(([, image = '']) => image)
    // Our own image is built.
    expect(images.filter((image) => !/^[a-z]+:\d+\.\d+\.\d+-alpine(-slim)?$/.test(image))).toEqual(['silly-chat'])
    expect(images).toHaveLength(3)
  })

  it('gives each service only what it needs: no capabilities, a read-only root, and limits', () => {
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

  it('isolates nginx from Redis, and gives the nodes time to stop', () => {
    const networksOf = (service: string) => /networks: (.*)/.exec(linesOf(service))?.[1]
    expect(['x-node', 'redis', 'nginx'].map(networksOf)).toEqual(['[front, back]', '[back]', '[front]'])
    // Longer than the time after which main.ts forces an exit.
    expect(settingOf('stop_grace_period')).toBe('15s')
    expect(Number(settingOf('nofile'))).toBeGreaterThan(loadSettings({}).MAX_STREAMS)
  })
})

describe.skipIf(!haveAll('nginx', 'redis-server', 'redis-cli'))('two nodes behind nginx', () => {
  async function start() {
    const redis = await aRedis(...redisSettings)
    const env = { STORE_URL: redis.url, TRUST_PROXY: settingOf('TRUST_PROXY'), PUBLIC_URL: '' }
    const nodes = await Promise.all([startBuilt({ env }), startBuilt({ env })])
    const nginx = await startDeployedNginx([nodes[0].url, nodes[1].url])
    return { redis, nodes, nginx, ...(await createChat(nginx)) }
  }

  it('are one service: streams on both receive every message, and continue when the other node is killed', async () => {
    const { redis, nodes, nginx, chat, owner } = await start()
    expect([settingOf('STORE_URL'), await redis.cli('config', 'get', 'maxmemory-policy')]).toEqual([
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

    // The stream on the killed node ends.
    const next = streams.map((stream) => stream.next().catch(() => undefined))
    await nodes[0].kill()
    // Every message is posted once, although nginx tries the dead node for every other one.
    for (let count = 0; count < 10; count++) expect(await post(chat, owner, `after ${count}`)).toBe(11 + count)
    expect((await Promise.all(next)).map((event) => event?.data['text']).sort()).toEqual(['after 0', undefined])
  })

  it('are refused by nginx while none runs, and are found again', async () => {
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

describe.skipIf(!haveAll('nginx'))('nginx', () => {
  /** A node that closes the connection on every request. */
  async function dyingNode(seen: IncomingHttpHeaders[]): Promise<string> {
    const server = createServer((request) => {
      seen.push(request.headers)
      request.socket.destroy()
    })
    onTestFinished(() => void server.close())
    return `http://127.0.0.1:${await listenOn(server, 0)}`
  }

  it('passes a post to one node only, and replaces the forwarding headers of the client', async () => {
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
