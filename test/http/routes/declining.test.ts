/** The owner declines a pending guest, or removes a member, and can approve both later. What everybody is answered then: endings.test.ts. */
import { describe, expect, it } from 'vitest'
import { approval } from '../../../src/wire/schemas/approval.ts'
import { chatEvents } from '../../../src/wire/schemas/streams.ts'
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
  readTexts,
  refusal,
  requestsOf,
  STRANGER
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

const CLOSED = { event: 'closed', id: undefined, data: { reason: 'removed' } }
const NOON = '2026-11-22T12:00:00.000Z'
const LATER = '2026-11-22T12:00:01.000Z'

describe('POST /v1/approval with approval_status false', () => {
  it('declines the pending guest, and gives the same answer when it is repeated', async () => {
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

  it('declines the only pending guest if there is no request_id, and never a member', async () => {
    const server = await startServer()
    const { owner, link, ana, ben } = await createChatWithWaiting(server)
    expect(await problemOf(await decline(link, owner))).toMatchObject({
      status: 409,
      kind: 'several-requests',
      pending_request_ids: [ana.requestId, ben.requestId]
    })
    await approve(link, owner, ana.requestId)
    expect(await (await decline(link, owner)).json()).toMatchObject({ state: 'declined', request_id: ben.requestId })
    expect(await refusal(await decline(link, owner))).toEqual([409, 'nobody-asked'])
    expect((await call(link, { user: ana.client })).status).toBe(200)
  })

  it('is refused to everybody but the owner, and for requests at other links', async () => {
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

  it.each([['false'], [0], [null], [[]]])('does not accept %j for false', async (approval_status) => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server)
    const json = { link, request_id: ana.requestId, approval_status }
    const problem = await problemOf(await call(`${server.url}/v1/approval`, { user: owner, json }))
    expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path: 'approval_status' }] })
  })
})

describe('a declined guest', () => {
  it('learns their client_id from the refusal if their first request was still open', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const stream = await openReady(chat, owner)
    const newcomer = call(`${link}?wait=300`)
    const request = await stream.next()
    await decline(link, owner)
    const problem = await problemOf(await newcomer)
    expect(problem).toMatchObject({ status: 403, kind: 'declined', request_id: request?.data['request_id'] })
    expect(await endingOf(await call(link, { user: problem.client_id }))).toEqual([
      ...[403, 'declined', 'declined'],
      ...[problem.request_id, problem.client_id]
    ])
  })

  it('is sent a later approval when they resume their stream', async () => {
    const server = await startServer()
    const { owner, link, ana } = await createChatWithWaiting(server)
    await decline(link, owner, ana.requestId)
    expect((await call(`${link}/events?last_event_id=declined`, { user: ana.client })).status).toBe(204)
    await approve(link, owner, ana.requestId)
    const resumed = await openStream(`${link}/events`, { user: ana.client, headers: { 'last-event-id': 'declined' } })
    expect((await resumed.rest()).map(({ id }) => id)).toEqual(['approved'])
  })

  it('causes a join_declined event for the owner alone, live and in the replay', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { requestId } = await knock(link, 'Ben')
    const [live, others] = [await openReady(chat, owner), await openReady(chat, member)]
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
        note: null,
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

  it('does not count for the approval of the link', async () => {
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
  it('can be approved while its link is open', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    await decline(link, owner, ana.requestId)
    server.clock.now += 1000
    const answer = await approve(link, owner, ana.requestId)
    expect(await answer.json()).toMatchObject({ approval_status: true, state: 'approved', decided_at: LATER })
    expect(await (await call(link, { user: ana.client })).json()).toMatchObject({ state: 'approved', chat })
    expect(await post(chat, ana.client, 'in after all')).toBe(5)
  })

  it('is not approved without its request_id', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    await knock(link)
    await decline(link, owner)
    expect(await refusal(await approve(link, owner))).toEqual([409, 'nobody-asked'])
  })

  it('cannot be approved once its link has ended, and stays declined', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    await decline(link, owner, ana.requestId)
    await call(`DELETE ${link}`, { user: owner })
    expect(await problemOf(await approve(link, owner, ana.requestId))).toMatchObject({
      status: 409,
      kind: 'request-closed',
      state: 'declined'
    })
    expect((await decline(link, owner, ana.requestId)).status).toBe(200)
    expect(await refusal(await call(link, { user: ana.client }))).toEqual([403, 'declined'])
    expect(await linksOf(chat, owner)).toMatchObject([{ state: 'revoked', pending: 0, approved: 0 }])
  })
})

describe('a removed member', () => {
  it('who is approved again resumes where the stream ended, and the old removal does not close the new stream', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const first = await openReady(chat, member)
    await post(chat, owner, 'three')
    await decline(link, owner, requestId)
    expect((await first.rest()).map(({ event, id }) => [event, id])).toEqual([
      ['message', '3'],
      ['member_left', '4'],
      ['closed', undefined]
    ])
    await post(chat, owner, 'five')
    await approve(link, owner, requestId)
    await decline(link, owner, requestId)
    await post(chat, owner, 'eight')
    await approve(link, owner, requestId)
    const again = await openStream(`${chat}/events`, { user: member, headers: { 'last-event-id': '3' } })
    expect((await again.until('ready')).map(({ event, id }) => [event, id])).toEqual([
      ['member_left', '4'],
      ['message', '5'],
      ['member_joined', '6'],
      ['member_left', '7'],
      ['message', '8'],
      ['member_joined', '9'],
      ['ready', '9']
    ])
    await post(chat, owner, 'ten')
    expect(await again.next()).toMatchObject({ event: 'message', id: '10' })
    expect(await readTexts(chat, member)).toEqual(['three', 'five', 'eight', 'ten'])
    await decline(link, owner, requestId)
    expect(await again.rest()).toMatchObject([{ event: 'member_left' }, CLOSED])
  })

  it('cannot post once the removal is answered, and receives nothing later than the removal', async () => {
    const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    const round = async () => {
      const { chat, owner, link, member, requestId } = await createChatWithMember(server)
      const stream = await openReady(chat, member)
      let isRemoved = false
      const send = async (user: string, text: string) => {
        const isLate = isRemoved
        const { status } = await call(chat, { user, json: { text } })
        return { status, isLate }
      }
      const sendTwo = async () => [await send(member, 'one'), await send(member, 'two')]
      const remove = async () => {
        const { status } = await decline(link, owner, requestId)
        isRemoved = true
        return [{ status, isLate: false }, await send(member, 'too late')]
      }
      const ofOwner = Array.from({ length: 3 }, () => send(owner, 'of the owner'))
      const [[removed, last], ...posts] = await Promise.all([remove(), sendTwo(), sendTwo(), ...ofOwner])
      expect([removed?.status, last?.status]).toEqual([200, 403])
      for (const { status, isLate } of posts.slice(0, 2).flat()) expect(isLate ? [403] : [201, 403]).toContain(status)

      const log = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
      const removal = (await log.until('join_declined')).at(-1)
      log.close()
      const received = await stream.rest()
      expect(received.pop()).toEqual(CLOSED)
      expect(received.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: Number(removal?.id) - 2 }, (_, index) => index + 3)
      )
    }
    for (let count = 0; count < 5; count++) await Promise.all(Array.from({ length: 10 }, round))
  })

  it('sees nothing later than the removal in reads that wait', async () => {
    const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    const round = async () => {
      const { chat, owner, link, member, requestId } = await createChatWithMember(server)
      const reads = Array.from({ length: 3 }, () => call(`${chat}?wait=300`, { user: member }))
      await decline(link, owner, requestId)
      const secret = post(chat, owner, 'secret')
      for (const answer of await Promise.all(reads)) expect(await refusal(answer)).toEqual([403, 'not-a-member'])
      await secret
    }
    for (let count = 0; count < 2; count++) await Promise.all(Array.from({ length: 10 }, round))
  })
})
