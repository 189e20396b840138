/** A guest withdraws their request, or leaves the chat. What everybody is answered then: endings.test.ts. */
import { describe, expect, it } from 'vitest'
import {
  call,
  createChat,
  createChatWithMember,
  createChatWithWaiting,
  createLink,
  decline,
  endingOf,
  knock,
  post,
  readTexts,
  refusal,
  requestsOf,
  STRANGER
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

const leave = (link: string, user: string) => call(`DELETE ${link}/request`, { user })

describe('DELETE /v1/links/:link/request', () => {
  it('changes nothing when it is repeated, or when the request has ended in another way', async () => {
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
    // Events 1 to 4: two requests, one closed, one declined.
    expect(await post(chat, owner, 'five')).toBe(5)
  })

  it('makes room for another pending guest', async () => {
    const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guests = await Promise.all(Array.from({ length: 100 }, () => knock(link)))
    expect(await refusal(await call(link))).toEqual([429, 'too-many-waiting'])
    await leave(link, guests[0]?.client ?? '')
    expect((await call(link)).status).toBe(202)
  })

  it('works through an ended link, too, and keeps the messages', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    await post(chat, member, 'goodbye')
    await call(`DELETE ${link}`, { user: owner })
    expect((await leave(link, member)).status).toBe(204)
    expect(await refusal(await call(chat, { user: member }))).toEqual([403, 'not-a-member'])
    expect(await endingOf(await call(link, { user: member }))).toMatchObject({ 0: 403, 1: 'left' })
    expect(await readTexts(chat, owner)).toEqual(['goodbye'])
  })

  it('is refused to everybody but the guest of that link', async () => {
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
})

it('a member who leaves cannot post once that is answered, and receives everything up to that event', async () => {
  const server = await startServer()
  const round = async () => {
    const { chat, owner, link, member } = await createChatWithMember(server)
    const stream = await openReady(chat, member)
    const send = async () => (await call(chat, { user: member, json: { text: 'x' } })).status
    const leaveAndSend = async () => [(await leave(link, member)).status, await send()]
    const [statuses] = await Promise.all([leaveAndSend(), send(), send(), post(chat, owner, 'y'), send()])
    expect(statuses).toEqual([204, 403])
    const log = await openStream(`${chat}/events?last_event_id=2`, { user: owner })
    const removal = (await log.until('join_closed')).at(-1)
    log.close()
    const received = await stream.rest()
    expect(received.pop()).toMatchObject({ event: 'closed', data: { reason: 'left' } })
    expect(received.map(({ id }) => Number(id))).toEqual(
      Array.from({ length: Number(removal?.id) - 2 }, (_, index) => index + 3)
    )
  }
  for (let count = 0; count < 2; count++) await Promise.all(Array.from({ length: 10 }, round))
})
