/** The live streams, over real sockets. */
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { chatEvents, linkEvents } from '../../../src/wire/schemas/streams.ts'
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
import { ChunkReader } from '../../support/chunked.ts'
import { openSocket, parseAnswer, rawRequest } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream, type StreamEvent } from '../../support/streams.ts'

const names = (events: StreamEvent[]) => events.map(({ event }) => event)
const ids = (events: StreamEvent[]) => events.map(({ id }) => id)

describe("the owner's stream", () => {
  it('starts at once, names a reconnection time, and is not cached, transformed or buffered', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const stream = await openStream(`${chat}/events`, { user: owner })
    expect(stream.response.status).toBe(200)
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'access-control-allow-origin': '*'
    })
    expect(await stream.next()).toEqual({ event: 'ready', id: '0', data: { last_event_id: 0 } })
    expect(stream.retry).toBeGreaterThanOrEqual(1000)
    expect(stream.retry).toBeLessThanOrEqual(5000)
  })

  it('names a different reconnection time each time', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const retries = new Set<number | undefined>()
    for (let count = 0; count < 5; count++) {
      const stream = await openStream(`${chat}/events`, { user: owner })
      await stream.next()
      retries.add(stream.retry)
    }
    expect(retries.size).toBeGreaterThan(1)
  })

  it('sends join requests, approvals and messages as they happen', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const stream = await openReady(chat, owner)
    const { requestId, client } = await knock(link, 'Ana')
    const asked = { request_id: requestId, link, name: 'Ana', note: null, requested_at: '2026-11-22T12:00:00.000Z' }
    expect(await stream.next()).toEqual({
      event: 'join_request',
      id: '1',
      data: { ...asked, state: 'pending', approval_status: false, decided_at: null }
    })
    server.clock.now += 1500
    await approve(link, owner)
    expect(await stream.next()).toEqual({
      event: 'join_approved',
      id: '2',
      data: { ...asked, state: 'approved', approval_status: true, decided_at: '2026-11-22T12:00:01.500Z' }
    })
    await post(chat, client, 'hello')
    expect(await stream.next()).toEqual({
      event: 'message',
      id: '3',
      data: { id: 3, text: 'hello', created_at: '2026-11-22T12:00:01.500Z', from: asked.request_id }
    })
  })

  it('repeats pending requests, without ids, if there is no cursor', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    const waiting = [await knock(link, 'Ben'), await knock(link)]
    const stream = await openStream(`${chat}/events`, { user: owner })
    const events = await stream.until('ready')
    expect(events.map(({ event, id, data }) => [event, id, data['request_id']])).toEqual([
      ['join_request', undefined, waiting[0]?.requestId],
      ['join_request', undefined, waiting[1]?.requestId],
      ['ready', '4', undefined]
    ])
  })

  it('sends everything after the cursor, then ready, then new events', async () => {
    const server = await startServer()
    const { chat, owner, member } = await createChatWithMember(server)
    await post(chat, member, 'three')
    await post(chat, owner, 'four')
    const all = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
    const fromTwo = await openStream(`${chat}/events`, { user: owner, headers: { 'last-event-id': '2' } })
    expect((await all.until('ready')).map(({ event, id }) => [event, id])).toEqual([
      ['join_request', '1'],
      ['join_approved', '2'],
      ['message', '3'],
      ['message', '4'],
      ['ready', '4']
    ])
    expect(ids(await fromTwo.until('ready'))).toEqual(['3', '4', '4'])
    await post(chat, owner, 'five')
    expect(await all.next()).toMatchObject({ event: 'message', id: '5' })
    expect(await fromTwo.next()).toMatchObject({ event: 'message', id: '5' })
  })

  it('sends events as the OpenAPI document describes them', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    await knock(link)
    await post(chat, owner, 'hello')
    const replay = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
    const reset = await openStream(`${chat}/events?last_event_id=99`, { user: owner })
    const events = [...(await replay.until('ready')), ...(await reset.until('ready'))]
    chatEvents.parse(
      events.map(({ event, id, data }) => ({ event, data, ...(id !== undefined && { id: Number(id) }) }))
    )
    expect(new Set(names(events))).toEqual(new Set(['join_request', 'join_approved', 'message', 'ready', 'reset']))
  })
})

describe("a member's stream", () => {
  it('sends messages and who was let in, and nothing of who knocks', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    await knock(link, 'Ben')
    const stream = await openStream(`${chat}/events?last_event_id=0`, { user: member })
    expect(await stream.until('ready')).toEqual([
      { event: 'member_joined', id: '2', data: { from: requestId, name: 'Ana', reason: null } },
      { event: 'ready', id: '3', data: { last_event_id: 3 } }
    ])
    const fresh = await openStream(`${chat}/events`, { user: member })
    expect(names(await fresh.until('ready'))).toEqual(['ready'])
    await knock(link, 'Cem')
    await post(chat, owner, 'hello')
    expect(await stream.next()).toMatchObject({ event: 'message', id: '5' })
    expect(await fresh.next()).toMatchObject({ event: 'message', id: '5' })
  })
})

describe('a cursor', () => {
  it.each(['7', '-1', '1.5', 'approved', '1e0', '99999999999999999999', ' ', '+1'])(
    '%j, which is not in the log, causes a reset, and then the stream starts as without a cursor',
    async (cursor) => {
      const server = await startServer()
      const { chat, owner, link } = await createChatWithMember(server)
      await knock(link)
      const stream = await openStream(`${chat}/events?last_event_id=${encodeURIComponent(cursor)}`, { user: owner })
      const [reset, ...rest] = await stream.until('ready')
      expect(reset).toMatchObject({ event: 'reset', id: undefined, data: { last_event_id: 3 } })
      expect(rest.map(({ event, id }) => [event, id])).toEqual([
        ['join_request', undefined],
        ['ready', '3']
      ])
    }
  )

  it.each([
    ['last_event_id=1', '1'],
    ['lastEventId=1', '1'],
    ['after=1', '1'],
    ['after=3&lastEventId=2&last_event_id=1', '1'],
    ['after=2&lastEventId=1', '1'],
    ['last_event_id=&lastEventId=&after=1', '1'],
    ['last_event_id=&lastEventId=1&after=3', '1'],
    ['last_event_id=&lastEventId=&after=', undefined],
    ['last-event-id=1', '1'],
    ['lasteventid=1', '1']
  ])('may have other names in the query: %s', async (query, cursor) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    for (const text of ['one', 'two', 'three']) await post(chat, owner, text)
    const stream = await openStream(`${chat}/events?${query}`, { user: owner, headers: { 'last-event-id': '' } })
    expect(ids(await stream.until('ready'))).toEqual(cursor === '1' ? ['2', '3', '3'] : ['3'])
    const resumed = await openStream(`${chat}/events?${query}`, { user: owner, headers: { 'last-event-id': '2' } })
    expect(ids(await resumed.until('ready'))).toEqual(['3', '3'])
  })

  it.each(['last_event_id', 'lastEventId', 'after'])(
    'named %s gives 204 to a guest who knows the final state',
    async (name) => {
      const server = await startServer()
      const { link, member } = await createChatWithMember(server)
      expect((await call(`${link}/events?${name}=approved`, { user: member })).status).toBe(204)
    }
  )

  it('is ignored if it is empty, and the header takes precedence over the query', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    for (const text of ['one', 'two', 'three']) await post(chat, owner, text)
    const empty = await openStream(`${chat}/events?last_event_id=`, { user: owner })
    expect(ids(await empty.until('ready'))).toEqual(['3'])
    const both = await openStream(`${chat}/events?last_event_id=0`, { user: owner, headers: { 'last-event-id': '2' } })
    expect(ids(await both.until('ready'))).toEqual(['3', '3'])
  })
})

describe("the guest's stream", () => {
  it('sends the state at once, then the approval, and ends', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const { client, requestId } = await knock(link, 'Ana')
    const stream = await openStream(`${link}/events`, { user: client })
    const own = { link, client_id: client, request_id: requestId, request_sent_status: true, reason: null }
    expect(await stream.next()).toMatchObject({
      event: 'approval',
      id: 'pending',
      data: { ...own, state: 'pending', approval_status: false, chat: null, events: `${link}/events` }
    })
    await approve(link, owner)
    const rest = await stream.rest()
    expect(rest).toMatchObject([
      {
        event: 'approval',
        id: 'approved',
        data: { ...own, state: 'approved', approval_status: true, chat, events: `${chat}/events` }
      }
    ])
    linkEvents.parse(rest)
  })

  it('sends an earlier approval and ends, or is 204 if the guest knows it', async () => {
    const server = await startServer()
    const { link, member } = await createChatWithMember(server)
    const late = await openStream(`${link}/events`, { user: member })
    expect(ids(await late.rest())).toEqual(['approved'])
    const resumed = await call(`${link}/events`, { user: member, headers: { 'last-event-id': 'approved' } })
    expect([resumed.status, await resumed.text()]).toEqual([204, ''])
    const fromPending = await openStream(`${link}/events`, { user: member, headers: { 'last-event-id': 'pending' } })
    expect(ids(await fromPending.rest())).toEqual(['approved'])
  })

  it('sends pending again after a reconnect', async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const link = await createLink(chat)
    const { client } = await knock(link)
    const stream = await openStream(`${link}/events`, { user: client, headers: { 'last-event-id': 'pending' } })
    expect(await stream.next()).toMatchObject({ id: 'pending' })
  })

  it('does not send the approval of another guest', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const [ana, ben] = [await knock(link, 'Ana'), await knock(link, 'Ben')]
    const stream = await openStream(`${link}/events`, { user: ben.client })
    await stream.next()
    await approve(link, owner, ana.requestId)
    await approve(link, owner, ben.requestId)
    expect((await stream.rest()).map(({ data }) => data['request_id'])).toEqual([ben.requestId])
  })

  it('is refused to everybody but the guest of that link', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const otherLink = await createLink(chat, owner)
    const other = await knock(otherLink)
    for (const user of [owner, other.client]) {
      expect(await refusal(await call(`${link}/events`, { user }))).toEqual([403, 'not-this-guest'])
    }
    expect(await refusal(await call(`${otherLink}/events`, { user: member }))).toEqual([403, 'not-this-guest'])
    expect(await refusal(await call(`${link}/events`))).toEqual([401, 'user-id-required'])
  })
})

describe('a stream', () => {
  it('is refused without a user id, for unknown chats and to non-members', async () => {
    const server = await startServer()
    const { chat, link } = await createChatWithMember(server)
    const { client } = await knock(link)
    expect(await refusal(await call(`${chat}/events`))).toEqual([401, 'user-id-required'])
    expect(await refusal(await call(`${chat}x/events`, { user: client }))).toEqual([404, 'chat-not-found'])
    expect(await refusal(await call(`${chat}/events`, { user: client }))).toEqual([403, 'not-a-member'])
    expect(await refusal(await call(`${link}x/events`, { user: client }))).toEqual([404, 'link-not-found'])
  })

  it('has no HEAD', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    for (const url of [`${chat}/events`, `${link}/events`]) {
      const answer = await call(`HEAD ${url}`, { user: owner })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'OPTIONS, GET'])
    }
  })

  it('accepts the user id in the query, for an EventSource without headers', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const answer = await fetch(`${chat}/events?user_id=${owner}`)
    expect(answer.status).toBe(200)
    await answer.body?.cancel()
  })

  it('sends URLs on the base of its own request', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const elsewhere = (url: string) => url.replace('localhost', '127.0.0.1')
    const here = await openStream(`${chat}/events`, { user: owner })
    const there = await openStream(elsewhere(`${chat}/events`), { user: owner })
    await Promise.all([here.until('ready'), there.until('ready')])
    await knock(elsewhere(link))
    expect((await here.next())?.data).toMatchObject({ link })
    expect((await there.next())?.data).toMatchObject({ link: elsewhere(link) })
  })

  it('has a heartbeat', async () => {
    const server = await startServer({ env: { HEARTBEAT_SECONDS: '1' } })
    const { chat, owner } = await createChat(server)
    const answer = await fetch(`${chat}/events`, { headers: { authorization: `Bearer ${owner}` } })
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('\n\n:\n\n')) text += (await reader?.read())?.value ?? ''
    await reader?.cancel()
  })

  it('is refused with 503 and Retry-After while there are too many streams', async () => {
    const server = await startServer({ env: { MAX_STREAMS: '2' } })
    const { chat, owner } = await createChat(server)
    const open = [
      await openStream(`${chat}/events`, { user: owner }),
      await openStream(`${chat}/events`, { user: owner })
    ]
    const refused = await call(`${chat}/events`, { user: owner })
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(await refusal(refused)).toEqual([503, 'too-many-streams'])
    open[0]?.close()
    let status = 503
    while (status === 503) {
      const answer = await call(`${chat}/events`, { user: owner })
      status = answer.status
      await answer.body?.cancel()
    }
    expect(status).toBe(200)
  })

  it('waits for earlier answers if the client pipelines', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const path = new URL(chat).pathname
    const auth = `Host: localhost\r\nAuthorization: Bearer ${owner}\r\n\r\n`
    const socket = openSocket(server.port)
    socket.write(`GET ${path} HTTP/1.1\r\n${auth}GET ${path}/events HTTP/1.1\r\n${auth}`)
    let text = ''
    for await (const chunk of socket) {
      text += chunk
      if (text.includes('event: ready')) break
    }
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
    expect(text.indexOf('"messages":[]')).toBeGreaterThan(0)
    expect(text.indexOf('text/event-stream')).toBeGreaterThan(text.indexOf('"messages":[]'))
    const { headers, body } = parseAnswer(text.slice(text.lastIndexOf('HTTP/1.1 200 OK')))
    expect(headers.get('transfer-encoding')).toBe('chunked')
    expect(new ChunkReader().feed(Buffer.from(body)).text).toMatch(/^:\nretry: \d+\n\nid: 0\nevent: ready\n/)
  })
})

/** The bytes of a stream: its head, and the start and the end of its body once the chat is closed. */
async function rawStream(version: string, more: string[] = []) {
  const server = await startServer({ env: { HEARTBEAT_SECONDS: '1' } })
  const { chat, owner } = await createChat(server)
  const path = `${new URL(chat).pathname}/events`
  const lines = [`GET ${path} HTTP/${version}`, 'Host: localhost', `Authorization: Bearer ${owner}`, ...more]
  const socket = openSocket(server.port)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes
  })
  const closed = once(socket, 'close')
  const shows = async (wanted: string) => {
    while (!text.includes(wanted)) await once(socket, 'data')
  }
  await shows('event: ready')
  await Promise.all(['one', '€'].map((one) => post(chat, owner, one)))
  await shows('€')
  // A heartbeat: the first comment is longer.
  await shows(':\n\n')
  await call(`DELETE ${chat}`, { user: owner })
  await closed
  return parseAnswer(text)
}

/** Everything from the first comment to the end except heartbeats, which can be anywhere. */
const WHOLE =
  /^:\nretry: \d{4}\n\nid: 0\nevent: ready\ndata: {"last_event_id":0}\n\n(id: \d\nevent: message\ndata: {"id":\d,"text":"(one|€)","created_at":"[^"]+","from":"owner"}\n\n){2}event: closed\ndata: {"reason":"chat_closed"}\n\n$/
const withoutHeartbeats = (text: string) => text.replace(/\n\n(:\n\n)+/g, '\n\n')

describe('the bytes of a stream', () => {
  it('are chunked for HTTP/1.1, heartbeats included, and end with the last chunk', async () => {
    const { status, headers, body } = await rawStream('1.1')
    expect([status, headers.get('transfer-encoding'), headers.get('connection')]).toEqual([200, 'chunked', 'close'])
    const { text, chunks, isEnded } = new ChunkReader().feed(Buffer.from(body))
    expect([withoutHeartbeats(text), isEnded]).toEqual([expect.stringMatching(WHOLE), true])
    expect(chunks.map(String)).toContain(':\n\n')
  })

  it.each([[[]], [['Connection: keep-alive', 'TE: chunked, trailers']]])(
    'are not chunked for HTTP/1.0, also with %j, and end with the connection',
    async (more) => {
      const { status, headers, body } = await rawStream('1.0', more)
      expect([status, headers.get('transfer-encoding'), headers.get('connection')]).toEqual([200, null, 'close'])
      expect(withoutHeartbeats(body)).toMatch(WHOLE)
    }
  )
})

describe('when the server closes', () => {
  it('every stream ends, even if its reader takes nothing, and new requests are refused', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    const { client } = await knock(link)
    const streams = [
      await openStream(`${chat}/events`, { user: owner }),
      await openStream(`${link}/events`, { user: client })
    ]
    const deaf = openSocket(server.port)
    deaf.write(`GET ${new URL(chat).pathname}/events?user_id=${owner} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    deaf.pause()
    await Promise.all(streams.map((stream) => stream.next()))
    const started = performance.now()
    await server.close()
    expect(performance.now() - started).toBeLessThan(3000)
    for (const stream of streams) await stream.rest()
    await expect(call(`POST ${server.url}/v1/chats`)).rejects.toThrow()
  })
})

it('an answer is sent completely when the server closes, however slowly it is read', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  for (let count = 0; count < 20; count++) {
    await Promise.all(Array.from({ length: 50 }, () => call(chat, { user: owner, json: { text: 'x'.repeat(4000) } })))
  }
  const socket = openSocket(server.port)
  socket.write(`GET ${new URL(chat).pathname}?user_id=${owner} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  let size = 0
  let closing: Promise<void> | undefined
  for await (const chunk of socket) {
    size += chunk.length
    closing ??= server.close()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await closing
  expect(size).toBeGreaterThan(4_000_000)
})

it('a store fault cuts the stream off and is logged without ids', async () => {
  const server = await startServer({
    wrap: (store) => ({ ...store, watch: async (tag) => Promise.reject(new TypeError(`lost ${tag}${tag}`)) })
  })
  const { chat, owner } = await createChat(server)
  const head = [`GET ${new URL(chat).pathname}/events HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${owner}`]
  const { status, body } = await rawRequest(server.port, head)
  const { text, isEnded } = new ChunkReader().feed(Buffer.from(body))
  expect([status, text, isEnded]).toEqual([200, expect.stringMatching(/^:\nretry: \d{4}\n\n$/), false])
  const line = server.log.find((one) => one.includes('the store failed a stream'))
  expect(line).toContain('"type":"TypeError"')
  expect(line).not.toContain('lost')
})

it('refusals of streams are problem documents', async () => {
  const server = await startServer()
  const { chat } = await createChat(server)
  const problem = await problemOf(await call(`${chat}/events`, { headers: { authorization: 'Basic abc' } }))
  expect(problem).toMatchObject({ contentType: 'application/problem+json', status: 401, title: 'User id required' })
})
