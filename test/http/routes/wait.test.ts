/** Requests with ?wait: one curl joins a chat, and one is a long poll. */
import { describe, expect, it } from 'vitest'
import { MAX_ENDED_KEPT } from '../../../src/chat/changes.ts'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { exchange } from '../../../src/wire/schemas/links.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  problemOf,
  refusal
} from '../../support/api.ts'
import { METRICS, untilWaiting } from '../../support/metrics.ts'
import { openSocket } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { slowStore } from '../../support/slow-store.ts'
import { openReady } from '../../support/streams.ts'

/** A chat with a link, and the owner's stream. */
async function aDoorkeeper(env: Record<string, string> = {}) {
  const server = await startServer({ env })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const stream = await openReady(chat, owner)
  return { server, chat, owner, link, stream }
}

/** Asks to join, waits, and disconnects once `notified` resolves. */
async function disconnect(
  { server, link }: { server: TestServer; link: string },
  notified: () => Promise<unknown>
): Promise<void> {
  const socket = openSocket(server.port)
  socket.write(`GET ${new URL(link).pathname}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await notified()
  socket.destroy()
}

describe('GET /v1/links/:link?wait', () => {
  it('asks to join, waits and returns the URL of the chat', async () => {
    const { link, owner, chat, stream } = await aDoorkeeper()
    const answering = call(`${link}?wait=300&name=Ana`)
    expect(await stream.next()).toMatchObject({ event: 'join_request', data: { name: 'Ana' } })
    await approve(link, owner)
    const answer = await answering
    expect(answer.status).toBe(200)
    const { client_id, ...rest } = exchange.parse(await answer.json())
    expect(rest).toMatchObject({ state: 'approved', chat })
    expect(await post(chat, client_id ?? '', 'in')).toBe(3)
  })

  it('waits for a returning guest, and answers at once if there is nothing to wait for', async () => {
    const { link, owner, stream } = await aDoorkeeper()
    const { client } = await knock(link)
    await stream.next()
    const waiting = call(`${link}?wait=300`, { user: client })
    await approve(link, owner)
    expect((await waiting).status).toBe(200)
    expect((await call(`${link}?wait=300`, { user: client })).status).toBe(200)
    expect((await call(`${link}?wait=300`, { user: owner })).status).toBe(200)
  })

  it('is 202 when the time is up, and the request stays pending', async () => {
    const { link, owner, chat } = await aDoorkeeper()
    const answer = await call(`${link}?wait=1`)
    expect(answer.status).toBe(202)
    expect(exchange.parse(await answer.json())).toMatchObject({ state: 'pending' })
    expect(await (await call(`${chat}/join-requests`, { user: owner })).json()).toMatchObject({
      join_requests: [{ state: 'pending' }]
    })
  })

  it("is not answered because of other guests' events", async () => {
    const { link, owner, chat } = await aDoorkeeper()
    const { client } = await knock(link)
    const waiting = call(`${link}?wait=1`, { user: client })
    const other = await knock(link)
    await approve(link, owner, other.requestId)
    await post(chat, owner, 'hello')
    expect((await waiting).status).toBe(202)
  })

  it('withdraws the request and notifies the owner if the client disconnects before it has the client_id', async () => {
    const door = await aDoorkeeper()
    await disconnect(door, () => door.stream.next())
    expect(await door.stream.next()).toMatchObject({
      event: 'join_closed',
      id: '2',
      data: { state: 'closed', approval_status: false, decided_at: '2026-11-22T12:00:00.000Z' }
    })
    const answer = await approve(door.link, door.owner)
    expect(await refusal(answer)).toEqual([409, 'nobody-asked'])
  })

  it('changes nothing if a guest disconnects who knows the client_id', async () => {
    const door = await aDoorkeeper()
    const { client } = await knock(door.link)
    await door.stream.next()
    const socket = openSocket(door.server.port)
    socket.write(
      `GET ${new URL(door.link).pathname}?wait=60&user_id=${client} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n`
    )
    await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
    await approve(door.link, door.owner)
    expect(await door.stream.next()).toMatchObject({ event: 'join_approved' })
    expect((await call(door.link, { user: client })).status).toBe(200)
  })

  it.each(['end', 'resetAndDestroy'] as const)(
    'withdraws the request if the client disconnects (%s) just before the approval',
    async (disconnect) => {
      const door = await aDoorkeeper()
      for (let count = 0; count < 10; count++) {
        const socket = openSocket(door.server.port)
        socket.write(`GET ${new URL(door.link).pathname}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n`)
        const asked = await door.stream.next()
        socket[disconnect]()
        await approve(door.link, door.owner, String(asked?.data['request_id']))
        const events = await door.stream.until('join_closed')
        expect(events.at(-1)?.data['request_id']).toBe(asked?.data['request_id'])
      }
    }
  )

  it('withdraws the request if the client disconnects while an earlier answer is pending on the connection', async () => {
    const door = await aDoorkeeper()
    const socket = openSocket(door.server.port)
    const first = `GET ${new URL(door.chat).pathname}?wait=60&user_id=${door.owner} HTTP/1.1\r\nHost: a\r\n\r\n`
    socket.write(`${first}GET ${new URL(door.link).pathname} HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(await door.stream.next()).toMatchObject({ event: 'join_request' })
    socket.destroy()
    expect(await door.stream.next()).toMatchObject({ event: 'join_closed' })
  })

  it('withdraws the request without ?wait, too, if the client disconnects before the answer', async () => {
    const server = await startServer({ wrap: (store) => slowStore(store, () => 10) })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const stream = await openReady(chat, owner)
    const socket = openSocket(server.port)
    socket.write(`GET ${new URL(link).pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`, () => socket.resetAndDestroy())
    expect(await stream.next()).toMatchObject({ event: 'join_request' })
    expect(await stream.next()).toMatchObject({ event: 'join_closed' })
  })

  it('answers who has just knocked while the store is away, so that they learn their client_id, and nobody else', async () => {
    let isAway = false
    const server = await startServer({
      wrap: (store) => ({
        ...store,
        load: (...call) => (isAway ? Promise.reject(new StoreUnavailable('unreachable')) : store.load(...call)),
        commit: async (...call) => {
          const outcome = await store.commit(...call)
          isAway = call[3].some(({ type }) => type === 'join_request')
          return outcome
        }
      })
    })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const answer = await call(`${link}?wait=60`)
    expect([isAway, answer.status]).toEqual([true, 202])
    const { client_id, state } = exchange.parse(await answer.json())
    expect(state).toBe('pending')
    expect(await refusal(await call(`${link}?wait=60`, { user: client_id ?? '' }))).toEqual([503, 'store-unreachable'])
    isAway = false
    expect((await call(link, { user: client_id ?? '' })).status).toBe(202)
  })

  it('keeps only the latest 200 withdrawn requests', async () => {
    const door = await aDoorkeeper()
    for (let count = 0; count < MAX_ENDED_KEPT + 10; count++) {
      await disconnect(door, () => door.stream.next())
      expect(await door.stream.next()).toMatchObject({ event: 'join_closed' })
    }
    const { join_requests } = JSON.parse(await (await call(`${door.chat}/join-requests`, { user: door.owner })).text())
    expect(join_requests).toHaveLength(MAX_ENDED_KEPT)
  })

  it.each(['0', '301', 'x', '-1', '1.5', '1&wait=2'])('refuses %s and records no request', async (wait) => {
    const { link, owner, chat } = await aDoorkeeper()
    const problem = await problemOf(await call(`${link}?wait=${wait}`))
    expect(problem).toMatchObject({ status: 400, errors: [{ path: 'wait' }] })
    expect(await problemOf(await call(`${chat}?wait=${wait}`, { user: owner }))).toMatchObject({ status: 400 })
    expect(await (await call(`${chat}/join-requests`, { user: owner })).json()).toMatchObject({ join_requests: [] })
  })

  it('counts as a stream, and records no request if there are too many', async () => {
    const { link, owner, chat } = await aDoorkeeper({ MAX_STREAMS: '1' })
    expect(await refusal(await call(`${link}?wait=1`))).toEqual([503, 'too-many-streams'])
    expect(await refusal(await call(`${chat}?wait=1`, { user: owner }))).toEqual([503, 'too-many-streams'])
    expect(await (await call(`${chat}/join-requests`, { user: owner })).json()).toMatchObject({ join_requests: [] })
  })
})

it('a wait ends and no longer counts if the store fails', async () => {
  const server = await startServer({
    env: { MAX_STREAMS: '1' },
    wrap: (store) => ({ ...store, watch: async () => Promise.reject(new TypeError('lost')) })
  })
  const { chat, owner } = await createChat(server)
  for (let count = 0; count < 3; count++) {
    expect(await refusal(await call(`${chat}?wait=1`, { user: owner }))).toEqual([500, 'internal-error'])
  }
})

describe('GET /v1/chats/:chat?wait', () => {
  const texts = async (answer: Response) =>
    JSON.parse(await answer.text()).messages.map(({ text }: { text: string }) => text)

  it('waits for the next message, and ignores join requests', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const waiting = [call(`${chat}?wait=300`, { user: owner }), call(`${chat}?wait=300&after=2`, { user: member })]
    await knock(link)
    await post(chat, owner, 'at last')
    for (const answer of await Promise.all(waiting)) {
      expect(answer.status).toBe(200)
      expect(await texts(answer)).toEqual(['at last'])
    }
  })

  it('answers at once if there is a message, and with none when the time is up', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    await post(chat, owner, 'there')
    expect(await texts(await call(`${chat}?wait=300`, { user: owner }))).toEqual(['there'])
    const waiting = call(`${chat}?wait=1&after=3`, { user: owner })
    await knock(link)
    const empty = JSON.parse(await (await waiting).text())
    expect(empty).toMatchObject({ messages: [], last_event_id: 4, has_more: false })
  })

  it('misses nothing over consecutive polls', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const posting = (async () => {
      for (let count = 1; count <= 60; count++) await post(chat, owner, `${count}`)
    })()
    const seen: string[] = []
    for (let after = 0; seen.length < 60; ) {
      const answer = JSON.parse(await (await call(`${chat}?wait=5&after=${after}`, { user: owner })).text())
      seen.push(...answer.messages.map(({ text }: { text: string }) => text))
      after = answer.last_event_id
    }
    await posting
    expect(seen).toEqual(Array.from({ length: 60 }, (_, index) => `${index + 1}`))
  })

  it('is answered as if the time were up when the server stops', async () => {
    const server = await startServer({ env: METRICS })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const { client } = await knock(link)
    const waiting = [call(`${chat}?wait=300`, { user: owner }), call(`${link}?wait=300`, { user: client })]
    await untilWaiting(server, waiting.length)
    await server.close()
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 202])
  })
})
