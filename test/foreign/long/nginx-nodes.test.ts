/** Two nodes with one Redis behind an nginx, as documented in README.md: clients need not know the nodes. */
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Chat } from '../../../src/client/index.ts'
import { listenOn } from '../../kit/wire.ts'
import { approve, call, createChat, createLink, knock, post } from '../../support/api.ts'
import { type BuiltServer, startBuilt } from '../../support/built-server.ts'
import { freePort } from '../../support/ports.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aRedis } from '../../support/redis.ts'
import { openStream } from '../../support/streams.ts'
import { followInNode } from '../follower.ts'
import { startNginxForNodes } from '../nginx.ts'

const portOf = ({ url }: BuiltServer) => Number(new URL(url).port)

async function twoNodes(): Promise<[BuiltServer, BuiltServer]> {
  const { url } = await aRedis('--appendonly', 'yes', '--appendfsync', 'always')
  const env = { STORE_URL: url }
  return await Promise.all([startBuilt({ env }), startBuilt({ env })])
}

/** The same address directly on this node. */
function at({ url }: { url: string }, address: string): string {
  const { pathname, search } = new URL(address)
  return `${url}${pathname}${search}`
}

const textsOf = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`)

describe.skipIf(!haveAll('nginx', 'redis-server', 'redis-cli'))('two nodes behind nginx', () => {
  it('are one service: a guest knocks at one, is approved at the other, and streams of both are notified', async () => {
    const [one, other] = await twoNodes()
    const nginx = await startNginxForNodes([portOf(one), portOf(other)])
    const { chat, owner } = await createChat(nginx)
    const link = await createLink(chat, owner)
    expect(new URL(link).origin).toBe(nginx.url)
    const doorkeepers = await Promise.all(
      [one, other, nginx].map((server) => openStream(at(server, `${chat}/events`), { user: owner }))
    )
    for (const doorkeeper of doorkeepers) await doorkeeper.until('ready')

    const { client, requestId } = await knock(at(one, link), 'Ana')
    const guest = await openStream(at(one, `${link}/events`), { user: client })
    expect(await guest.next()).toMatchObject({ data: { state: 'pending' } })
    for (const doorkeeper of doorkeepers) {
      expect(await doorkeeper.next()).toMatchObject({ event: 'join_request', id: '1', data: { request_id: requestId } })
    }
    await approve(at(other, link), owner)
    expect(await guest.next()).toMatchObject({ data: { state: 'approved' } })
    await post(at(one, chat), client, 'hello')
    for (const doorkeeper of doorkeepers) {
      expect(await doorkeeper.take(2)).toMatchObject([
        { event: 'join_approved', id: '2' },
        { event: 'message', id: '3', data: { text: 'hello' } }
      ])
    }
  }, 30_000)

  it('can be used when one is killed: posts succeed, and every stream has all messages once and in order', async () => {
    const MESSAGES = 200
    const [one, other] = await twoNodes()
    const nginx = await startNginxForNodes([portOf(one), portOf(other)])
    const { chat, owner } = await createChat(nginx)
    const followers = []
    // Sequentially, so that nginx assigns two to each node.
    for (let count = 0; count < 4; count++) {
      const follower = followInNode(`${chat}/events?last_event_id=0`, owner)
      followers.push(follower)
      await follower.until(({ opened }) => opened === 1)
    }

    const client = new Chat(chat, owner)
    const texts = textsOf(MESSAGES)
    for (const text of texts) {
      const posted = client.post(text)
      // Kills the node during a post.
      if (text === '50') await other.kill()
      await posted
    }
    await post(chat, owner, 'last')
    await Promise.all(followers.map((follower) => follower.hasText('last')))

    const wanted = [...texts, 'last'].map((text, index) => [`${index + 1}`, index + 1, text])
    for (const { messages } of followers) expect(messages).toEqual(wanted)
    expect(followers.map(({ opened }) => opened).sort()).toEqual([1, 1, 2, 2])

    await other.start()
    const stream = await openStream(at(other, `${chat}/events`), { user: owner, headers: { 'last-event-id': '0' } })
    expect((await stream.until('ready')).map(({ id }) => id)).toEqual([...wanted.map(([id]) => id), `${wanted.length}`])
  }, 40_000)

  it('get a post once: nginx retries on the other node only if the first one has not received it', async () => {
    const one = await startBuilt({ env: {} })
    const { chat, owner } = await createChat(one)
    const postThrough = async (port: number): Promise<number> => {
      const nginx = await startNginxForNodes([port, portOf(one)])
      return (await call(at(nginx, chat), { user: owner, json: { text: 'hello' } })).status
    }

    let received = 0
    const dying = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        received++
        socket.destroy()
      })
    })
    const dyingPort = await listenOn(dying, 0)
    onTestFinished(() => void dying.close())
    expect(await postThrough(dyingPort)).toBe(502)
    expect(received).toBe(1)
    expect(await (await call(chat, { user: owner })).json()).toMatchObject({ messages: [] })

    expect(await postThrough(await freePort())).toBe(201)
  }, 30_000)
})
