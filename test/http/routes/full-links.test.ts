/** Links that admit so many guests and no more. */
import { describe, expect, it } from 'vitest'
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

describe('a link with max_guests', () => {
  it('is full once so many are in, and closes who waits, who is told at that moment', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server, { max_guests: 1 })
    const ofOwner = await openStream(`${chat}/events`, { user: owner })
    await ofOwner.until('ready')
    const stream = await openStream(`${link}/events`, { user: ben.client })
    await stream.next()
    const newcomer = call(`${link}?wait=300`)
    const cem = (await ofOwner.next())?.data['request_id']
    const waiting = call(`${link}?wait=300`, { user: ben.client })
    const answer = await approve(link, owner, ana.requestId)
    expect(await answer.json()).toMatchObject({ approval_status: true, state: 'approved' })
    expect(await stream.rest()).toMatchObject([
      { event: 'approval', id: 'closed', data: { state: 'closed', chat: null, reason: 'full' } }
    ])
    const told = [410, 'link-full', 'closed']
    expect(await endingOf(await waiting)).toEqual([...told, ben.requestId, ben.client])
    expect(await endingOf(await newcomer)).toEqual([...told, cem, expect.any(String)])
    expect((await ofOwner.take(3)).map(({ event, id, data }) => [event, id, data['request_id']])).toEqual([
      ['join_approved', '4', ana.requestId],
      ['join_closed', '5', ben.requestId],
      ['join_closed', '6', cem]
    ])
    expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['approved', 'closed', 'closed'])
  })

  it('is 410 to newcomers, 200 for the owner and members, 403 for unknown ids', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server, { max_guests: 1 })
    await approve(link, owner, ana.requestId)
    expect(await refusal(await call(link))).toEqual([410, 'link-full'])
    expect((await call(`HEAD ${link}`)).status).toBe(410)
    expect((await call(link, { user: owner })).status).toBe(200)
    expect(await (await call(link, { user: ana.client })).json()).toMatchObject({ state: 'approved', chat })
    expect(await refusal(await call(link, { user: STRANGER }))).toEqual([403, 'not-this-guest'])
  })

  it('stays full also when a seat becomes free', async () => {
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

  it('is not full while a seat became free before the last was taken', async () => {
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

  it('admits no more than so many, however many are approved at once', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner, { max_guests: 3 })
    const guests = await Promise.all(Array.from({ length: 10 }, () => knock(link)))
    const answers = await Promise.all(guests.map(({ requestId }) => approve(link, owner, requestId)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(3).fill(200), ...Array(7).fill(409)])
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'full', pending: 0, approved: 3 }])
  })
})
