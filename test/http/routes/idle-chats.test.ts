/** Chats without a new event for CHAT_TTL_SECONDS end. What everybody is answered then: endings.test.ts. */
import { describe, expect, it } from 'vitest'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  decline,
  knock,
  post,
  readTexts,
  refusal
} from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { isOverMemory, startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const TTL = { CHAT_TTL_SECONDS: '100' }

describe('CHAT_TTL_SECONDS', () => {
  it('keeps a chat until one millisecond before it is idle for that long, and then makes it and its links unknown', async () => {
    const server = await startServer({ env: TTL })
    const { chat, owner, link, member } = await createChatWithMember(server)
    await post(chat, owner, 'hello')
    server.clock.now += 99_999
    expect(await readTexts(chat, member)).toEqual(['hello'])
    expect((await call(link, { user: member })).status).toBe(200)
    expect((await call(`HEAD ${link}`)).status).toBe(200)
    server.clock.now += 1
    expect((await call(`HEAD ${link}`)).status).toBe(404)
    for (const refused of [
      await call(chat, { user: owner }),
      await call(`${server.url}/v1/links`, { json: { chat } }),
      await call(`DELETE ${chat}`, { user: owner })
    ]) {
      expect(await refusal(refused)).toEqual([404, 'chat-not-found'])
    }
    expect(await refusal(await call(`DELETE ${link}`, { user: owner }))).toEqual([404, 'link-not-found'])
  })

  it.each(['post', 'knock', 'approve', 'decline', 'leave', 'revoke'] as const)(
    'counts from every event: %s',
    async (event) => {
      const server = await startServer({ env: TTL })
      const { chat, owner, link, member, requestId } = await createChatWithMember(server)
      const guest = await knock(link)
      server.clock.now += 99_999
      await {
        post: () => post(chat, member, 'hello'),
        knock: () => knock(link),
        approve: () => approve(link, owner, guest.requestId),
        decline: () => decline(link, owner, requestId),
        leave: () => call(`DELETE ${link}/request`, { user: guest.client }),
        revoke: () => call(`DELETE ${link}`, { user: owner })
      }[event]()
      server.clock.now += 99_999
      expect((await call(chat, { user: owner })).status).toBe(200)
      server.clock.now += 1
      expect((await call(chat, { user: owner })).status).toBe(404)
    }
  )

  it.each(['read', 'link', 'repeat', 'refused'] as const)('does not count from anything else: %s', async (what) => {
    const server = await startServer({ env: TTL })
    const { chat, owner, link, requestId } = await createChatWithMember(server)
    const keyed = { user: owner, json: { text: 'once' }, headers: { 'idempotency-key': 'k' } }
    await call(chat, keyed)
    server.clock.now += 99_999
    const answers = await {
      read: () => Promise.all([chat, `${chat}/links`, link].map((url) => call(url, { user: owner }))),
      link: async () => [await call(`${server.url}/v1/links`, { user: owner, json: { chat } })],
      repeat: async () => [await call(chat, keyed), await approve(link, owner, requestId)],
      refused: async () => [await call(chat, { user: owner, json: { text: '' } })]
    }[what]()
    expect(answers.every(({ status }) => status < 300 || what === 'refused')).toBe(true)
    server.clock.now += 1
    expect((await call(chat, { user: owner })).status).toBe(404)
  })

  it('keeps a chat that never had an event for a day, whatever links it has', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const used = await createChatWithMember(server)
    server.clock.now += DAY - 1
    expect((await call(`HEAD ${link}`)).status).toBe(200)
    await createLink(chat, owner)
    server.clock.now += 1
    expect(await refusal(await call(chat, { user: owner }))).toEqual([404, 'chat-not-found'])
    expect(await refusal(await call(link))).toEqual([404, 'link-not-found'])
    server.clock.now += 29 * DAY - 1
    expect((await call(used.chat, { user: used.owner })).status).toBe(200)
    server.clock.now += 1
    expect((await call(used.chat, { user: used.owner })).status).toBe(404)
  })

  it('limits a chat that never had an event, too', async () => {
    const server = await startServer({ env: TTL })
    const { chat, owner } = await createChat(server)
    server.clock.now += 99_999
    expect((await call(chat, { user: owner })).status).toBe(200)
    server.clock.now += 1
    expect((await call(chat, { user: owner })).status).toBe(404)
  })

  it('of 0 keeps every chat for ever, also one that never had an event', async () => {
    const server = await startServer({ env: { CHAT_TTL_SECONDS: '0' } })
    const { chat, owner } = await createChat(server)
    const { chat: used, owner: user, link } = await createChatWithMember(server)
    server.clock.now += 36_500 * DAY
    expect((await call(chat, { user: owner })).status).toBe(200)
    expect((await call(used, { user })).status).toBe(200)
    expect((await call(link)).status).toBe(202)
  })
})

describe('an idle chat', () => {
  it('is closed on time without any request', async () => {
    const server = await startServer({ env: { CHAT_TTL_SECONDS: '1' } })
    const idle = await createChatWithMember(server)
    const empty = await createChat(server)
    const talking = await createChatWithMember(server)
    const [ofIdle, ofEmpty, ofTalking] = [
      await openStream(`${idle.chat}/events`, { user: idle.member }),
      await openStream(`${empty.chat}/events`, { user: empty.owner }),
      await openStream(`${talking.chat}/events`, { user: talking.owner })
    ]
    for (const stream of [ofIdle, ofEmpty, ofTalking]) await stream.until('ready')
    server.clock.now += 999
    await post(talking.chat, talking.owner, 'here')
    server.clock.now += 1
    for (const stream of [ofIdle, ofEmpty]) {
      expect(await stream.rest()).toEqual([{ event: 'closed', id: undefined, data: { reason: 'chat_closed' } }])
    }
    await post(talking.chat, talking.owner, 'still here')
    expect(await ofTalking.take(2)).toMatchObject([{ data: { text: 'here' } }, { data: { text: 'still here' } }])
  })

  it.runIf(isOverMemory)('frees its memory', async () => {
    const server = await startServer({ env: { CHAT_TTL_SECONDS: '1', MAX_STORE_BYTES: '10000' } })
    const { chat, owner } = await createChat(server)
    const fill = async (to: string, user: string) => {
      for (let count = 0; ; count++) {
        if ((await call(to, { user, json: { text: 'x'.repeat(1000) } })).status === 503) return count
      }
    }
    await fill(chat, owner)
    expect((await call(`POST ${server.url}/v1/chats`)).status).toBe(503)
    server.clock.now += 1000
    expect((await call(chat, { user: owner })).status).toBe(404)
    const hasRoom = async () => (await call(`POST ${server.url}/v1/chats`)).status === 201
    await eventually(hasRoom, 'the idle chat is removed')
    const next = await createChat(server)
    expect(await fill(next.chat, next.owner)).toBeGreaterThan(5)
  })
})

it.each(['somebody', 'nobody'])(
  'the expiry of a link with a pending guest is an event of that instant, with %s calling',
  async (who) => {
    const server = await startServer({ env: TTL })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner, { expires_in: 60 })
    await knock(link)
    server.clock.now += 60_000
    if (who === 'somebody') expect((await call(`HEAD ${link}`)).status).toBe(410)
    server.clock.now += 99_999
    expect((await call(chat, { user: owner })).status).toBe(200)
    server.clock.now += 1
    expect((await call(chat, { user: owner })).status).toBe(404)
  }
)
