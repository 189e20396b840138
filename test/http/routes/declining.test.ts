/** The owner turns a guest away who waits, and may think better of it. */
import { describe, expect, it } from 'vitest'
import { approval } from '../../../src/wire/schemas/approval.ts'
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
  problemOf,
  refusal,
  requestsOf
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const STRANGER = '406a3207-a070-4411-b9b6-8527c0c19c7e'
const NOON = '2026-11-22T12:00:00.000Z'
const LATER = '2026-11-22T12:00:01.000Z'

describe('POST /v1/approval with approval_status false', () => {
  it('declines the guest who waits; twice gives the same answer', async () => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server)
    const answer = await decline(link, owner, ana.requestId)
    expect(answer.status).toBe(200)
    const body = approval.parse(await answer.json())
    expect(body).toEqual({
      approval_status: false,
      state: 'declined',
      link,
      request_id: ana.requestId,
      decided_at: NOON
    })
    server.clock.now += 1000
    const again = await decline(link, owner, ana.requestId.toLowerCase().replace('-', ''))
    expect([again.status, await again.json()]).toEqual([200, body])
  })

  it('without a request_id means the only one who waits, and nobody else', async () => {
    const server = await startServer()
    const { owner, link, ana, ben } = await createChatWithWaiting(server)
    expect(await problemOf(await decline(link, owner))).toMatchObject({
      status: 409,
      kind: 'several-requests',
      pending_request_ids: [ana.requestId, ben.requestId]
    })
    await approve(link, owner, ana.requestId)
    expect(await (await decline(link, owner)).json()).toMatchObject({ state: 'declined', request_id: ben.requestId })
    // Only Ana is left, who is in: she is not meant, and neither is Ben, who is declined already.
    expect(await refusal(await decline(link, owner))).toEqual([409, 'nobody-asked'])
    expect((await call(link, { user: ana.client })).status).toBe(200)
  })

  it('is for the owner alone, of a request at this link', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    const other = await createChat(server)
    for (const user of [other.owner, ana.client, STRANGER]) {
      expect(await refusal(await decline(link, user, ana.requestId))).toEqual([403, 'not-the-owner'])
    }
    const otherLink = await createLink(chat, owner)
    expect(await refusal(await decline(otherLink, owner, ana.requestId))).toEqual([404, 'request-not-found'])
    expect(await refusal(await decline(otherLink, owner))).toEqual([409, 'nobody-asked'])
    expect(await refusal(await decline(`${link}x`, owner))).toEqual([404, 'link-not-found'])
    expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['pending', 'pending'])
  })

  it.each([['false'], [0], [null], [[]]])('is not the same as %j, which is 400', async (approval_status) => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server)
    const json = { link, request_id: ana.requestId, approval_status }
    const problem = await problemOf(await call(`${server.url}/v1/approval`, { user: owner, json }))
    expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path: 'approval_status' }] })
  })
})

describe('a guest who is declined', () => {
  it('is told 403 with the state by the link, waiting or not, and never knocks again with that id', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server)
    await decline(link, owner, ana.requestId)
    const told = [403, 'declined', 'declined', ana.requestId, ana.client]
    expect(await endingOf(await call(link, { user: ana.client }))).toEqual(told)
    expect(await endingOf(await call(`${link}?wait=300&user_id=${ana.client}`))).toEqual(told)
    expect(await refusal(await call(chat, { user: ana.client }))).toEqual([403, 'not-a-member'])
    expect(await requestsOf(chat, owner)).toMatchObject([
      { request_id: ana.requestId, state: 'declined', approval_status: false, decided_at: NOON },
      { request_id: ben.requestId, state: 'pending', approval_status: false, decided_at: null }
    ])
  })

  it('is told at once while waiting, also who has not yet learned the own client_id', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    const newcomer = call(`${link}?wait=300`)
    const asked = await stream.next()
    await decline(link, owner)
    const problem = await problemOf(await newcomer)
    expect(problem).toMatchObject({ status: 403, kind: 'declined', request_id: asked?.data['request_id'] })
    expect(await endingOf(await call(link, { user: problem.client_id }))).toEqual([
      ...[403, 'declined', 'declined'],
      ...[problem.request_id, problem.client_id]
    ])

    const { client, requestId } = await knock(link)
    const waiting = call(`${link}?wait=300`, { user: client })
    await decline(link, owner)
    expect(await endingOf(await waiting)).toEqual([403, 'declined', 'declined', requestId, client])
  })

  it('is told on the stream, with the reason, which then ends; who knows it gets 204', async () => {
    const server = await startServer()
    const { owner, link, ana, ben } = await createChatWithWaiting(server)
    const stream = await openStream(`${link}/events`, { user: ana.client })
    expect(await stream.next()).toMatchObject({ id: 'pending', data: { reason: null } })
    await decline(link, owner, ana.requestId)
    const rest = await stream.rest()
    linkEvents.parse(rest)
    expect(rest).toMatchObject([
      {
        event: 'approval',
        id: 'declined',
        data: {
          link,
          request_sent_status: true,
          approval_status: false,
          state: 'declined',
          chat: null,
          client_id: ana.client,
          request_id: ana.requestId,
          reason: 'declined'
        }
      }
    ])
    const resume = (state: string) => ({ user: ana.client, headers: { 'last-event-id': state } })
    const known = await call(`${link}/events`, resume('declined'))
    expect([known.status, await known.text()]).toEqual([204, ''])
    expect((await call(`${link}/events?last_event_id=declined`, { user: ana.client })).status).toBe(204)
    for (const state of ['pending', 'approved', 'closed', '']) {
      const late = await openStream(`${link}/events`, resume(state))
      expect((await late.rest()).map(({ id }) => id)).toEqual(['declined'])
    }
    await approve(link, owner, ana.requestId)
    const changed = await openStream(`${link}/events`, resume('declined'))
    expect((await changed.rest()).map(({ id }) => id)).toEqual(['approved'])
    expect((await call(link, { user: ben.client })).status).toBe(202)
  })

  it('is a join_declined event to the owner alone, live and in the replay', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { requestId } = await knock(link, 'Ben')
    const live = await openStream(`${chat}/events`, { user: owner })
    const others = await openStream(`${chat}/events`, { user: member })
    await Promise.all([live.until('ready'), others.until('ready')])
    server.clock.now += 1000
    await decline(link, owner, requestId)
    await decline(link, owner, requestId)
    await post(chat, owner, 'after')
    const declined = {
      event: 'join_declined',
      id: '4',
      data: {
        request_id: requestId,
        link,
        name: 'Ben',
        state: 'declined',
        approval_status: false,
        requested_at: NOON,
        decided_at: LATER
      }
    }
    expect(await live.take(2)).toEqual([declined, expect.objectContaining({ event: 'message', id: '5' })])
    expect(await others.next()).toMatchObject({ event: 'message', id: '5' })
    const replay = await openStream(`${chat}/events?last_event_id=3`, { user: owner })
    const events = await replay.until('ready')
    expect(events[0]).toEqual(declined)
    chatEvents.parse(events.map(({ event, id, data }) => ({ event, id: Number(id), data })))
    const fresh = await openStream(`${chat}/events`, { user: owner })
    expect((await fresh.until('ready')).map(({ event }) => event)).toEqual(['ready'])
  })

  it('does not count for the approval of the link, and knows that the own is false', async () => {
    const server = await startServer()
    const { owner, link, ana, ben } = await createChatWithWaiting(server)
    const status = async (more: string) => {
      const answer = await call(`${server.url}/v1/approval?link=${link}${more}`)
      return JSON.parse(await answer.text()).approval_status
    }
    await decline(link, owner, ana.requestId)
    expect(await status('')).toBe(false)
    await approve(link, owner, ben.requestId)
    expect(await status('')).toBe(true)
    expect(await status(`&request_id=${ana.requestId}`)).toBe(false)
    expect(await status(`&user_id=${ana.client}`)).toBe(false)
    await decline(link, owner, ben.requestId)
    expect(await status('')).toBe(false)
  })
})

describe('a declined request', () => {
  it('may be approved while its link is open', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    await decline(link, owner, ana.requestId)
    server.clock.now += 1000
    const answer = await approve(link, owner, ana.requestId)
    expect(await answer.json()).toMatchObject({ approval_status: true, state: 'approved', decided_at: LATER })
    expect(await (await call(link, { user: ana.client })).json()).toMatchObject({ state: 'approved', chat })
    expect(await post(chat, ana.client, 'in after all')).toBe(5)
  })

  it('is not meant by an approval without a request_id', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    await knock(link)
    await decline(link, owner)
    expect(await refusal(await approve(link, owner))).toEqual([409, 'nobody-asked'])
  })

  it('may not be approved once its link has ended: 409 with the state', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    await decline(link, owner, ana.requestId)
    await call(`DELETE ${link}`, { user: owner })
    expect(await problemOf(await approve(link, owner, ana.requestId))).toMatchObject({
      status: 409,
      kind: 'request-closed',
      state: 'declined'
    })
    // It stays declined, and to decline it again is the same answer.
    expect((await decline(link, owner, ana.requestId)).status).toBe(200)
    expect(await refusal(await call(link, { user: ana.client }))).toEqual([403, 'declined'])
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'revoked', pending: 0, approved: 0 }])
  })

  it('that is closed can be decided on no more: 409 with its state', async () => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server)
    await call(`DELETE ${link}/request`, { user: ana.client })
    for (const answer of [await approve(link, owner, ana.requestId), await decline(link, owner, ana.requestId)]) {
      expect(await problemOf(answer)).toMatchObject({ status: 409, kind: 'request-closed', state: 'closed' })
    }
    expect(await refusal(await decline(link, ana.client, ana.requestId))).toEqual([403, 'not-the-owner'])
  })
})
