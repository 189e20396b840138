import { describe, expect, it } from 'vitest'
import { message, messages, newChat } from '../../../src/wire/schemas/chats.ts'
import { joinRequests } from '../../../src/wire/schemas/join-requests.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  problemOf,
  readTexts,
  refusal
} from '../../support/api.ts'
import { isOverMemory, startServer } from '../../support/server.ts'

describe('POST /v1/chats', () => {
  it('creates a chat and its owner', async () => {
    const server = await startServer()
    const answer = await call(`POST ${server.url}/v1/chats`)
    expect(answer.status).toBe(201)
    const body = newChat.parse(await answer.json())
    expect(body.chat).toMatch(new RegExp(`^${server.url}/v1/chats/[A-Za-z0-9_-]{22,}$`))
    expect(body.events).toBe(`${body.chat}/events`)
    expect(answer.headers.get('location')).toBe(body.chat)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-type': 'application/json; charset=utf-8'
    })
  })

  it('needs no body, ignores unknown members, and refuses everything but objects', async () => {
    const server = await startServer()
    const create = (body: string) =>
      fetch(`${server.url}/v1/chats`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    for (const body of ['', '{}', '{"name":"x","constructor":{"prototype":1}}']) {
      expect((await create(body)).status).toBe(201)
    }
    for (const body of ['[]', '"x"', '1', 'null']) {
      expect(await refusal(await create(body))).toEqual([400, 'invalid-request'])
    }
  })

  it.runIf(isOverMemory)('is 503 with Retry-After if the store is full, and existing chats still work', async () => {
    const server = await startServer({ env: { MAX_STORE_BYTES: '3000' } })
    const { chat, owner } = await createChat(server)
    let answer = await call(`POST ${server.url}/v1/chats`)
    while (answer.status === 201) answer = await call(`POST ${server.url}/v1/chats`)
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(await refusal(answer)).toEqual([503, 'store-full'])
    expect(await refusal(await call(chat, { user: owner, json: { text: 'x'.repeat(2000) } }))).toEqual([
      503,
      'store-full'
    ])
    expect((await knock(await createLink(chat, owner))).requestId).toMatch(/-/)
  })
})

describe('POST /v1/chats/:chat', () => {
  it('posts a message for the owner and for a member', async () => {
    const server = await startServer()
    const { chat, owner, member } = await createChatWithMember(server)
    const answer = await call(chat, { user: owner, json: { text: 'hello' } })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const body = message.strict().parse(await answer.json())
    expect(body).toEqual({ id: 3, text: 'hello', created_at: '2026-11-22T12:00:00.000Z', from: 'owner' })
    expect(await post(chat, member, 'hi')).toBe(4)
    expect(await readTexts(chat, owner)).toEqual(['hello', 'hi'])
  })

  it.each([
    ['one character', 'x'],
    ['4,000 code units', 'x'.repeat(4000)],
    ['4,000 code units of emoji', '👋'.repeat(2000)],
    ['white space', ' \t\r\n '],
    ['control characters', '\u0000\u0001\u001f\u007f'],
    ['what JSON, HTML and JavaScript escape', '"\\/</script>\u2028\u2029'],
    ['bidirectional controls', '\u202eبحث\u200b'],
    ['a poisonous word', '__proto__']
  ])('keeps %s exactly as it was sent', async (_what, text) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    expect(await call(chat, { user: owner, json: { text } }).then((answer) => answer.json())).toMatchObject({ text })
    expect(await readTexts(chat, owner)).toEqual([text])
  })

  it.each([
    ['an empty text', { text: '' }, 'text'],
    ['4,001 code units', { text: 'x'.repeat(4001) }, 'text'],
    ['4,002 code units of emoji', { text: '👋'.repeat(2001) }, 'text'],
    ['a lone surrogate', { text: 'lone \ud800 surrogate' }, 'text'],
    ['the other lone surrogate', { text: '\udc00' }, 'text'],
    ['a number', { text: 7 }, 'text'],
    ['null', { text: null }, 'text'],
    ['a list', { text: ['x'] }, 'text'],
    ['no text', {}, 'text'],
    ['a list as body', [], ''],
    ['a text as body', 'text', ''],
    ['a number as body', 7, ''],
    ['null as body', null, '']
  ])('refuses %s and logs nothing', async (_what, json, path) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const problem = await problemOf(await call(chat, { user: owner, json }))
    expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path }] })
    expect(await call(chat, { user: owner }).then((answer) => answer.json())).toMatchObject({
      messages: [],
      last_event_id: 0
    })
  })

  it('accepts the user id in the body, and the header takes precedence', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const other = await createChat(server)
    expect((await call(chat, { json: { text: 'a', user_id: owner } })).status).toBe(201)
    expect((await call(chat, { user: owner, json: { text: 'b', user_id: other.owner } })).status).toBe(201)
    expect((await call(chat, { user: owner, json: { text: 'c', user_id: 7 } })).status).toBe(201)
    const answer = await call(chat, { user: other.owner, json: { text: 'd', user_id: owner } })
    expect(await refusal(answer)).toEqual([403, 'not-a-member'])
    const inQuery = await call(`${chat}?user_id=${owner}`, { json: { text: 'e' } })
    expect(await refusal(inQuery)).toEqual([401, 'user-id-required'])
    expect(await readTexts(chat, owner)).toEqual(['a', 'b', 'c'])
  })

  it('is refused to strangers, pending guests and the owners of other chats', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    const { client } = await knock(link)
    const other = await createChat(server)
    for (const user of [client, other.owner, '406a3207-a070-4411-b9b6-8527c0c19c7e']) {
      expect(await refusal(await call(chat, { user, json: { text: 'let me in' } }))).toEqual([403, 'not-a-member'])
      expect(await refusal(await call(chat, { user }))).toEqual([403, 'not-a-member'])
      expect(await refusal(await call(`${chat}/join-requests`, { user }))).toEqual([403, 'not-the-owner'])
    }
    expect(await readTexts(chat, owner)).toEqual([])
  })

  it('is 409 once the chat is full; its messages stay, and guests can still ask to join', async () => {
    const server = await startServer({ env: { MAX_CHAT_BYTES: '1000' } })
    const { chat, owner, link } = await createChatWithMember(server)
    const statuses: number[] = []
    for (let count = 0; count < 12; count++) {
      statuses.push((await call(chat, { user: owner, json: { text: 'x'.repeat(100) } })).status)
    }
    expect(new Set(statuses)).toEqual(new Set([201, 409]))
    const answer = await call(chat, { user: owner, json: { text: 'x'.repeat(100) } })
    expect(await refusal(answer)).toEqual([409, 'chat-full'])
    expect(await readTexts(chat, owner)).toHaveLength(statuses.filter((status) => status === 201).length)
    await knock(link)
    expect((await createChat(server)).chat).toBeTruthy()
  })
})

describe('Idempotency-Key', () => {
  const send = (chat: string, user: string, text: string, key: string) =>
    call(chat, { user, json: { text }, headers: { 'idempotency-key': key } })

  it('gives the first answer again and posts nothing, also at the same time', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(chat, owner, 'once', 'a key')))
    server.clock.now += 1000
    answers.push(await send(chat, owner, 'once', 'a key'))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1)
    expect(await readTexts(chat, owner)).toEqual(['once'])
  })

  it('is 422 with another text, and belongs to one user in one chat', async () => {
    const server = await startServer()
    const { chat, owner, member } = await createChatWithMember(server)
    const other = await createChat(server)
    expect((await send(chat, owner, 'first', 'k')).status).toBe(201)
    expect(await refusal(await send(chat, owner, 'second', 'k'))).toEqual([422, 'idempotency-key-reused'])
    expect((await send(chat, member, 'second', 'k')).status).toBe(201)
    expect((await send(other.chat, other.owner, 'third', 'k')).status).toBe(201)
    expect(await readTexts(chat, owner)).toEqual(['first', 'second'])
    expect(await refusal(await send(chat, other.owner, 'first', 'k'))).toEqual([403, 'not-a-member'])
  })

  it.each([
    ['one character', 'x', 201],
    ['255 characters', '~'.repeat(255), 201],
    ['inner spaces', 'a b', 201],
    ['nothing', '', 400],
    ['256 characters', 'x'.repeat(256), 400],
    ['a tab', 'a\tb', 400],
    ['what is not ASCII', 'ä', 400]
  ])('of %s', async (_what, key, status) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const answer = await send(chat, owner, 'x', key)
    expect(answer.status).toBe(status)
    if (status === 400) expect(await problemOf(answer)).toMatchObject({ errors: [{ path: 'idempotency-key' }] })
  })
})

describe('GET /v1/chats/:chat', () => {
  it('returns all messages, oldest first, with the id up to which they are complete', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    await post(chat, member, 'three')
    await knock(link)
    await post(chat, owner, 'five')
    await knock(link)
    const answer = await call(chat, { user: member })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(answer.headers.get('vary')).toBe('Accept')
    const created_at = '2026-11-22T12:00:00.000Z'
    expect(messages.strict().parse(await answer.json())).toEqual({
      chat,
      you: requestId,
      title: null,
      invites: 'anyone',
      messages: [
        { id: 3, text: 'three', created_at, from: requestId },
        { id: 5, text: 'five', created_at, from: 'owner' }
      ],
      last_event_id: 6,
      has_more: false
    })
  })

  it('is paged by after and limit', async () => {
    const server = await startServer()
    const { chat, owner, link } = await createChatWithMember(server)
    for (const text of ['a', 'b', 'c']) {
      await post(chat, owner, text)
      await knock(link)
    }
    const page = async (query: string) => messages.parse(await (await call(`${chat}?${query}`, { user: owner })).json())
    const first = await page('limit=2')
    expect([first.messages.map(({ text }) => text), first.last_event_id, first.has_more]).toEqual([['a', 'b'], 5, true])
    const second = await page(`limit=2&after=${first.last_event_id}`)
    expect([second.messages.map(({ text }) => text), second.last_event_id, second.has_more]).toEqual([['c'], 8, false])
    expect(await page('after=8')).toMatchObject({ messages: [], last_event_id: 8, has_more: false })
    expect(await page('after=0&limit=3')).toMatchObject({ last_event_id: 8, has_more: false })
    expect((await page('after=&limit=&utm_source=mail')).messages).toHaveLength(3)
  })

  it('refuses an unknown event id', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    for (const after of ['1', '99999999999999999999']) {
      expect(await refusal(await call(`${chat}?after=${after}`, { user: owner }))).toEqual([400, 'cursor-unknown'])
    }
  })

  it.each(['after=-1', 'after=x', 'after=1.5', 'after=1&after=2', 'limit=0', 'limit=1001', 'limit=x', 'limit=-1'])(
    'refuses %s',
    async (query) => {
      const server = await startServer()
      const { chat, owner } = await createChat(server)
      const problem = await problemOf(await call(`${chat}?${query}`, { user: owner }))
      expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path: query.split('=')[0] }] })
    }
  )

  it('has a HEAD, which needs the user id, too', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const answer = await call(`HEAD ${chat}?user_id=${owner}`)
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect((await call(`HEAD ${chat}`)).status).toBe(401)
  })

  it.each(['x', 'a'.repeat(36), 'a'.repeat(3000), '%00', '__proto__', '..%2f..%2fetc', '%F0%9F%91%8B', '%zz'])(
    'is 404 for the id %s',
    async (id) => {
      const server = await startServer()
      const { owner } = await createChat(server)
      const answer = await call(`${server.url}/v1/chats/${id}`, { user: owner })
      expect(answer.status).toBe(404)
      await problemOf(answer)
    }
  )

  it('is 404 for an id that shares all but the last character with a chat', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const near = chat.slice(0, -1) + (chat.endsWith('A') ? 'B' : 'A')
    expect(await refusal(await call(near, { user: owner }))).toEqual([404, 'chat-not-found'])
  })
})

describe('GET /v1/chats/:chat/join-requests', () => {
  it('lists the requests for the owner, oldest first', async () => {
    const server = await startServer()
    const { chat, owner, link, requestId } = await createChatWithMember(server)
    server.clock.now += 5
    const second = await knock(link)
    const answer = await call(`${chat}/join-requests`, { user: owner })
    expect(answer.status).toBe(200)
    const asked = { link, requested_at: '2026-11-22T12:00:00.000Z' }
    expect(joinRequests.parse(await answer.json())).toEqual({
      join_requests: [
        {
          ...asked,
          request_id: requestId,
          name: 'Ana',
          note: null,
          state: 'approved',
          approval_status: true,
          decided_at: '2026-11-22T12:00:00.000Z'
        },
        {
          ...asked,
          requested_at: '2026-11-22T12:00:00.005Z',
          request_id: second.requestId,
          name: null,
          note: null,
          state: 'pending',
          approval_status: false,
          decided_at: null
        }
      ],
      last_event_id: 3
    })
  })

  it('contains no user ids', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { client } = await knock(link)
    const text = await (await call(`${chat}/join-requests`, { user: owner })).text()
    for (const secret of [owner, member, client]) expect(text).not.toContain(secret)
  })
})

describe('a chat', () => {
  it('loses no message and uses no id twice when everybody posts at once', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guests = await Promise.all(Array.from({ length: 12 }, (_, index) => knock(link, `guest ${index}`)))
    expect(new Set(guests.map(({ requestId }) => requestId)).size).toBe(12)
    await Promise.all(guests.map(({ requestId }) => approve(link, owner, requestId)))
    const posts = guests.flatMap(({ client }, guest) =>
      Array.from({ length: 10 }, (_, index) => post(chat, client, `${guest}:${index}`))
    )
    const given = await Promise.all(posts)
    expect(new Set(given).size).toBe(120)
    expect(Math.max(...given)).toBe(144)
    expect(new Set(await readTexts(chat, owner)).size).toBe(120)
  })
})
