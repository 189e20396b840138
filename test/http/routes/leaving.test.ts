/** A guest takes the own request back, or leaves the chat. */
import { describe, expect, it } from 'vitest'
import { chatEvents, linkEvents } from '../../../src/wire/schemas/streams.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createChatWithWaiting,
  createLink,
  decline,
  endingOf,
  knock,
  linksOf,
  post,
  readTexts,
  refusal,
  requestsOf
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const STRANGER = '406a3207-a070-4411-b9b6-8527c0c19c7e'

const leave = (link: string, user: string) => call(`DELETE ${link}/request`, { user })

describe('DELETE /v1/links/:link/request of a guest who waits', () => {
  it('is 204 and takes the request back, for good', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server)
    const answer = await leave(link, ana.client)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    const told = [403, 'left', 'closed', ana.requestId, ana.client]
    expect(await endingOf(await call(link, { user: ana.client }))).toEqual(told)
    expect(await endingOf(await call(`${link}?wait=300`, { user: ana.client }))).toEqual(told)
    expect(await requestsOf(chat, owner)).toMatchObject([
      { request_id: ana.requestId, state: 'closed', approval_status: false, decided_at: '2026-11-22T12:00:00.000Z' },
      { request_id: ben.requestId, state: 'pending' }
    ])
    expect(await refusal(await approve(link, owner, ana.requestId))).toEqual([409, 'request-closed'])
    expect((await knock(link)).client).not.toBe(ana.client)
  })

  it('may be repeated and changes nothing then, also once the request has ended otherwise', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server)
    await leave(link, ana.client)
    await decline(link, owner, ben.requestId)
    const before = await requestsOf(chat, owner)
    server.clock.now += 1000
    for (const { client } of [ana, ana, ben]) expect((await leave(link, client)).status).toBe(204)
    await call(`DELETE ${link}`, { user: owner })
    expect((await leave(link, ana.client)).status).toBe(204)
    expect(await requestsOf(chat, owner)).toEqual(before)
    expect(await endingOf(await call(link, { user: ben.client }))).toMatchObject({ 1: 'declined' })
    // Two knocks, one closed, one declined: nothing else was logged.
    expect(await post(chat, owner, 'five')).toBe(5)
  })

  it('tells the owner, the own stream, and who waits for the answer elsewhere', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    const ofOwner = await openStream(`${chat}/events`, { user: owner })
    const stream = await openStream(`${link}/events`, { user: ana.client })
    await Promise.all([ofOwner.until('ready'), stream.next()])
    const waiting = call(`${link}?wait=300`, { user: ana.client })
    await leave(link, ana.client)
    const rest = await stream.rest()
    linkEvents.parse(rest)
    expect(rest).toMatchObject([
      {
        event: 'approval',
        id: 'closed',
        data: { state: 'closed', approval_status: false, chat: null, client_id: ana.client, reason: 'left' }
      }
    ])
    expect(await endingOf(await waiting)).toEqual([403, 'left', 'closed', ana.requestId, ana.client])
    expect(await ofOwner.next()).toMatchObject({
      event: 'join_closed',
      id: '3',
      data: { request_id: ana.requestId, name: 'Ana', state: 'closed' }
    })
    const known = await call(`${link}/events`, { user: ana.client, headers: { 'last-event-id': 'closed' } })
    expect([known.status, await known.text()]).toEqual([204, ''])
    const late = await openStream(`${link}/events`, { user: ana.client, headers: { 'last-event-id': 'pending' } })
    expect(await late.rest()).toMatchObject([{ id: 'closed', data: { reason: 'left' } }])
  })

  it('makes room for another who waits', async () => {
    const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guests = await Promise.all(Array.from({ length: 100 }, () => knock(link)))
    expect(await refusal(await call(link))).toEqual([429, 'too-many-waiting'])
    await leave(link, guests[0]?.client ?? '')
    expect((await call(link)).status).toBe(202)
  })
})

describe('DELETE /v1/links/:link/request of a guest who is in', () => {
  it('leaves the chat: everything is refused from the answer on', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    await post(chat, member, 'goodbye')
    expect((await leave(link, member)).status).toBe(204)
    for (const refused of [
      await call(chat, { user: member }),
      await call(`${chat}/events`, { user: member }),
      await call(chat, { user: member, json: { text: 'still here?' } })
    ]) {
      expect(await refusal(refused)).toEqual([403, 'not-a-member'])
    }
    expect(await endingOf(await call(link, { user: member }))).toEqual([403, 'left', 'closed', requestId, member])
    expect(await readTexts(chat, owner)).toEqual(['goodbye'])
    expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'closed', approval_status: false }])
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'open', pending: 0, approved: 0 }])
    expect(await refusal(await approve(link, owner, requestId))).toEqual([409, 'request-closed'])
  })

  it('closes every stream with the reason left, and ends every wait', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const streams = [
      await openStream(`${chat}/events`, { user: member }),
      await openStream(`${chat}/events?last_event_id=0`, { user: member })
    ]
    for (const stream of streams) await stream.until('ready')
    const waiting = call(`${chat}?wait=300`, { user: member })
    await leave(link, member)
    await post(chat, owner, 'behind your back')
    for (const stream of streams) {
      const rest = await stream.rest()
      expect(rest).toEqual([{ event: 'closed', id: undefined, data: { reason: 'left' } }])
      chatEvents.parse(rest)
    }
    expect(await refusal(await waiting)).toEqual([403, 'not-a-member'])
  })

  it('is possible through an ended link, too', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    await call(`DELETE ${link}`, { user: owner })
    expect((await leave(link, member)).status).toBe(204)
    expect(await refusal(await call(chat, { user: member }))).toEqual([403, 'not-a-member'])
    expect(await endingOf(await call(link, { user: member }))).toMatchObject({ 0: 403, 1: 'left' })
  })

  it('lets no post in after the answer', async () => {
    const server = await startServer()
    const round = async () => {
      const { chat, owner, link, member } = await createChatWithMember(server)
      const stream = await openStream(`${chat}/events`, { user: member })
      await stream.until('ready')
      const say = async () => (await call(chat, { user: member, json: { text: 'x' } })).status
      const go = async () => {
        const { status } = await leave(link, member)
        return [status, await say()]
      }
      const [gone] = await Promise.all([go(), say(), say(), post(chat, owner, 'y'), say()])
      expect(gone).toEqual([204, 403])
      const log = await openStream(`${chat}/events?last_event_id=2`, { user: owner })
      const removal = (await log.until('join_closed')).at(-1)
      log.close()
      const told = await stream.rest()
      expect(told.pop()).toMatchObject({ event: 'closed', data: { reason: 'left' } })
      expect(told.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: Number(removal?.id) - 3 }, (_, index) => index + 3)
      )
    }
    for (let count = 0; count < 2; count++) await Promise.all(Array.from({ length: 10 }, round))
  })
})

it('DELETE /v1/links/:link/request is for the guest of that link alone', async () => {
  const server = await startServer()
  const { chat, owner, link, member } = await createChatWithMember(server)
  const otherLink = await createLink(chat, owner)
  const other = await knock(otherLink)
  for (const user of [owner, other.client, STRANGER]) {
    expect(await refusal(await leave(link, user))).toEqual([403, 'not-this-guest'])
  }
  expect(await refusal(await leave(otherLink, member))).toEqual([403, 'not-this-guest'])
  expect(await refusal(await leave(`${link}x`, member))).toEqual([404, 'link-not-found'])
  expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['approved', 'pending'])
})
