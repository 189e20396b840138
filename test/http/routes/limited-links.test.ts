/** Links that expire, and links for a limited number of guests. What everybody is answered then: endings.test.ts. */
import { describe, expect, it } from 'vitest'
import { link as linkSchema } from '../../../src/wire/schemas/links.ts'
import {
  approve,
  call,
  createChat,
  createChatWithWaiting,
  createLink,
  decline,
  endingOf,
  knock,
  linksOf,
  post,
  problemOf,
  refusal,
  requestsOf
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const A_MINUTE_LATER = '2026-11-22T12:01:00.000Z'

describe('POST /v1/links with limits', () => {
  it.each([
    [{ expires_in: 60 }, { expires_at: A_MINUTE_LATER, max_guests: null }],
    [{ expires_in: 31_536_000 }, { expires_at: '2027-11-22T12:00:00.000Z', max_guests: null }],
    [
      { expires_in: null, max_guests: null },
      { expires_at: null, max_guests: null }
    ],
    [{ max_guests: 1 }, { expires_at: null, max_guests: 1 }],
    [{ max_guests: 1000 }, { expires_at: null, max_guests: 1000 }],
    [
      { expires_in: 6e1, max_guests: 2 },
      { expires_at: A_MINUTE_LATER, max_guests: 2 }
    ]
  ])('accepts %j', async (limits, shown) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const answer = await call(`${server.url}/v1/links`, { json: { chat, ...limits } })
    expect(answer.status).toBe(201)
    const body = linkSchema.strict().parse(await answer.json())
    expect(body).toEqual({ link: body.link, chat, ...shown })
    expect(await linksOf(chat, owner)).toMatchObject([{ ...shown, link: body.link, state: 'open' }])
  })

  it('refuses other values, names the member, and creates no link', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const wrong = {
      expires_in: [59, 0, -60, 31_536_001, 60.5, 1e300, '60', '', true, [60], {}],
      max_guests: [0, -1, 1001, 1.5, '1', '', true, [1], {}]
    }
    for (const [path, values] of Object.entries(wrong)) {
      for (const value of values) {
        const problem = await problemOf(await call(`${server.url}/v1/links`, { json: { chat, [path]: value } }))
        expect(problem, `${path} ${value}`).toMatchObject({
          status: 400,
          kind: 'invalid-request',
          errors: expect.arrayContaining([{ path, message: expect.stringMatching(/whole number/) }])
        })
      }
    }
    expect(await linksOf(chat, owner)).toEqual([])
  })
})

describe('a link with expires_in', () => {
  it('is open until one millisecond before that instant, and records no request from then on', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner, { expires_in: 60 })
    server.clock.now += 59_999
    expect((await call(`HEAD ${link}`)).status).toBe(200)
    expect((await call(link)).status).toBe(202)
    server.clock.now += 1
    expect(await refusal(await call(`${link}/?name=Ana`))).toEqual([410, 'link-expired'])
    const head = await call(`HEAD ${link}`)
    expect([head.status, await head.text()]).toEqual([410, ''])
    expect(head.headers.get('content-type')).toBe('application/problem+json')
    expect(await requestsOf(chat, owner)).toHaveLength(1)
  })

  it('lets the owner remove a member after it has expired, but not approve them again', async () => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server, { expires_in: 60 })
    await approve(link, owner, ana.requestId)
    server.clock.now += 60_000
    expect((await approve(link, owner, ana.requestId)).status).toBe(200)
    expect((await decline(link, owner, ana.requestId)).status).toBe(200)
    expect(await problemOf(await approve(link, owner, ana.requestId))).toMatchObject({
      status: 409,
      kind: 'request-closed',
      state: 'declined'
    })
    expect(await refusal(await approve(link, owner))).toEqual([409, 'nobody-asked'])
  })

  it('does not change the state of a declined request', async () => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server, { expires_in: 60 })
    await decline(link, owner, ana.requestId)
    server.clock.now += 60_000
    expect(await endingOf(await call(link, { user: ana.client }))).toEqual([
      ...[403, 'declined', 'declined'],
      ...[ana.requestId, ana.client]
    ])
  })

  it('closes pending requests as of that instant, however late the server notices', async () => {
    const server = await startServer()
    const { chat, owner, ana, ben } = await createChatWithWaiting(server, { expires_in: 90 })
    const sooner = await createLink(chat, owner, { expires_in: 60 })
    const cem = await knock(sooner)
    server.clock.now += 3_600_000
    const closedAt = (time: string) => ({ state: 'closed', approval_status: false, decided_at: time })
    expect(await requestsOf(chat, owner)).toMatchObject([
      { request_id: ana.requestId, ...closedAt('2026-11-22T12:01:30.000Z') },
      { request_id: ben.requestId, ...closedAt('2026-11-22T12:01:30.000Z') },
      { request_id: cem.requestId, ...closedAt(A_MINUTE_LATER) }
    ])
    const log = await openStream(`${chat}/events?last_event_id=3`, { user: owner })
    // They are stored when somebody follows the chat: before or after `ready`.
    const received = (await log.take(4)).filter(({ event }) => event !== 'ready')
    expect(received.map(({ event, id, data }) => [event, id, data['request_id']])).toEqual([
      ['join_closed', '4', cem.requestId],
      ['join_closed', '5', ana.requestId],
      ['join_closed', '6', ben.requestId]
    ])
  })

  it('makes room for another open link when it expires', async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const make = () => call(`${server.url}/v1/links`, { json: { chat, expires_in: 60 } })
    for (let count = 0; count < 20; count++) await make()
    expect(await refusal(await make())).toEqual([409, 'too-many-links'])
    server.clock.now += 60_000
    expect((await make()).status).toBe(201)
  })
})

describe('a link with max_guests', () => {
  it('stays full when a member leaves or is removed, when it expires and when it is revoked', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server, { max_guests: 2, expires_in: 60 })
    const cem = await knock(link)
    await decline(link, owner, cem.requestId)
    await approve(link, owner, ana.requestId)
    expect((await call(`HEAD ${link}`)).status).toBe(200)
    await approve(link, owner, ben.requestId)
    await call(`DELETE ${link}/request`, { user: ana.client })
    await decline(link, owner, ben.requestId)
    server.clock.now += 60_000
    await call(`DELETE ${link}`, { user: owner })
    expect(await refusal(await call(link))).toEqual([410, 'link-full'])
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'full', max_guests: 2, pending: 0, approved: 0 }])
    for (const { requestId } of [ben, cem]) {
      expect(await problemOf(await approve(link, owner, requestId))).toMatchObject({
        status: 409,
        kind: 'request-closed',
        state: 'declined'
      })
    }
  })

  it('is not full if a member was removed before the last was approved', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server, { max_guests: 2 })
    await approve(link, owner, ana.requestId)
    await decline(link, owner, ana.requestId)
    await approve(link, owner, ben.requestId)
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'open', approved: 1 }])
    await approve(link, owner, ana.requestId)
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'full', approved: 2 }])
    expect(await post(chat, ana.client, 'in')).toBe(7)
  })

  it('lets no more guests in, however many are approved at the same time', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner, { max_guests: 3 })
    const guests = await Promise.all(Array.from({ length: 10 }, () => knock(link)))
    const answers = await Promise.all(guests.map(({ requestId }) => approve(link, owner, requestId)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(3).fill(200), ...Array(7).fill(409)])
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'full', pending: 0, approved: 3 }])
  })
})
