/** Links that end by themselves when their time is up. */
import { describe, expect, it } from 'vitest'
import { link as linkSchema } from '../../../src/wire/schemas/links.ts'
import { linkEvents } from '../../../src/wire/schemas/streams.ts'
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

const STRANGER = '406a3207-a070-4411-b9b6-8527c0c19c7e'
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
  ])('takes %j', async (limits, shown) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const answer = await call(`${server.url}/v1/links`, { json: { chat, ...limits } })
    expect(answer.status).toBe(201)
    const body = linkSchema.strict().parse(await answer.json())
    expect(body).toEqual({ link: body.link, chat, ...shown })
    expect(await linksOf(chat, owner)).toMatchObject([{ ...shown, link: body.link, state: 'open' }])
  })

  it('refuses other values, with the name of the member, and makes no link', async () => {
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
  it('works until one millisecond before the instant, and from it on is 410 to newcomers', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner, { expires_in: 60 })
    server.clock.now += 59_999
    expect((await call(`HEAD ${link}`)).status).toBe(200)
    expect((await call(link)).status).toBe(202)
    server.clock.now += 1
    for (const answer of [await call(link), await call(`${link}/?name=Ana`), await call(`${link}?wait=300`)]) {
      expect(await refusal(answer)).toEqual([410, 'link-expired'])
    }
    const head = await call(`HEAD ${link}`)
    expect([head.status, await head.text()]).toEqual([410, ''])
    expect(head.headers.get('content-type')).toBe('application/problem+json')
    expect(await requestsOf(chat, owner)).toHaveLength(1)
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'expired', pending: 0, approved: 0 }])
  })

  it('stays 200 for the owner and members and 403 for unknown ids; who is in stays in', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server, { expires_in: 60 })
    await approve(link, owner, ana.requestId)
    const otherLink = await createLink(chat, owner)
    const cem = await knock(otherLink)
    await approve(otherLink, owner)
    server.clock.now += 60_000
    for (const [user, requestId] of [
      [owner, null],
      [cem.client, null],
      [ana.client, ana.requestId]
    ]) {
      const answer = await call(link, { user: user ?? '' })
      expect([answer.status, await answer.json()]).toMatchObject([200, { chat, request_id: requestId }])
    }
    expect(await refusal(await call(link, { user: STRANGER }))).toEqual([403, 'not-this-guest'])
    expect(await endingOf(await call(link, { user: ben.client }))).toEqual([
      ...[410, 'link-expired', 'closed'],
      ...[ben.requestId, ben.client]
    ])
    expect(await post(chat, ana.client, 'still in')).toBe(7)
    // Twice gives the same answer, and who is in may still be turned away, but not let in again.
    expect((await approve(link, owner, ana.requestId)).status).toBe(200)
    expect((await decline(link, owner, ana.requestId)).status).toBe(200)
    expect(await problemOf(await approve(link, owner, ana.requestId))).toMatchObject({
      kind: 'request-closed',
      state: 'declined'
    })
    expect(await problemOf(await approve(link, owner, ben.requestId))).toMatchObject({
      status: 409,
      kind: 'request-closed',
      state: 'closed'
    })
    expect(await refusal(await approve(link, owner))).toEqual([409, 'nobody-asked'])
  })

  it('leaves who is declined declined', async () => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server, { expires_in: 60 })
    await decline(link, owner, ana.requestId)
    server.clock.now += 60_000
    expect(await endingOf(await call(link, { user: ana.client }))).toEqual([
      ...[403, 'declined', 'declined'],
      ...[ana.requestId, ana.client]
    ])
  })

  it('closes who waits as of its own instant, however late that is noticed', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server, { expires_in: 90 })
    const sooner = await createLink(chat, owner, { expires_in: 60 })
    const cem = await knock(sooner)
    server.clock.now += 3_600_000
    const closed = { state: 'closed', approval_status: false }
    const at = (time: string) => ({ ...closed, decided_at: time })
    expect(await requestsOf(chat, owner)).toMatchObject([
      { request_id: ana.requestId, ...at('2026-11-22T12:01:30.000Z') },
      { request_id: ben.requestId, ...at('2026-11-22T12:01:30.000Z') },
      { request_id: cem.requestId, ...at(A_MINUTE_LATER) }
    ])
    const log = await openStream(`${chat}/events?last_event_id=3`, { user: owner })
    expect((await log.until('ready')).map(({ event, id, data }) => [event, id, data['request_id']])).toEqual([
      ['join_closed', '4', cem.requestId],
      ['join_closed', '5', ana.requestId],
      ['join_closed', '6', ben.requestId],
      ['ready', '6', undefined]
    ])
    const status = await call(`${server.url}/v1/approval?link=${link}&user_id=${ana.client}`)
    expect(await status.json()).toEqual({ approval_status: false })
  })

  it('tells who waits at the very moment, though nobody asks and nothing else happens', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server, { expires_in: 60 })
    server.clock.now += 59_950
    const stream = await openStream(`${link}/events`, { user: ana.client })
    const waiting = call(`${link}?wait=300`, { user: ben.client })
    const ofOwner = await openStream(`${chat}/events`, { user: owner })
    expect(await stream.next()).toMatchObject({ id: 'pending' })
    await ofOwner.until('ready')
    server.clock.now += 50
    const rest = await stream.rest()
    linkEvents.parse(rest)
    expect(rest).toMatchObject([
      {
        event: 'approval',
        id: 'closed',
        data: { approval_status: false, state: 'closed', chat: null, request_id: ana.requestId, reason: 'expired' }
      }
    ])
    expect(await endingOf(await waiting)).toEqual([410, 'link-expired', 'closed', ben.requestId, ben.client])
    expect(await ofOwner.take(2)).toMatchObject([
      { event: 'join_closed', data: { request_id: ana.requestId, decided_at: A_MINUTE_LATER } },
      { event: 'join_closed', data: { request_id: ben.requestId, decided_at: A_MINUTE_LATER } }
    ])
    const known = await call(`${link}/events`, { user: ana.client, headers: { 'last-event-id': 'closed' } })
    expect(known.status).toBe(204)
    const late = await openStream(`${link}/events`, { user: ana.client, headers: { 'last-event-id': 'pending' } })
    expect(await late.rest()).toMatchObject([{ id: 'closed', data: { reason: 'expired' } }])
  })

  it('makes room for another among the open links of its chat', async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    const make = () => call(`${server.url}/v1/links`, { json: { chat, expires_in: 60 } })
    for (let count = 0; count < 20; count++) await make()
    expect(await refusal(await make())).toEqual([409, 'too-many-links'])
    server.clock.now += 60_000
    expect((await make()).status).toBe(201)
  })
})
