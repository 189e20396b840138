/** The owner takes an approval back: from the answer on, that guest is out. */
import { describe, expect, it } from 'vitest'
import { chatEvents } from '../../../src/wire/schemas/streams.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  decline,
  endingOf,
  knock,
  post,
  readTexts,
  refusal,
  requestsOf
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const CLOSED = { event: 'closed', id: undefined, data: { reason: 'removed' } }

describe('a guest whose approval is withdrawn', () => {
  it('is refused everything from the answer on', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    await call(chat, { user: member, json: { text: 'said' }, headers: { 'idempotency-key': 'k' } })
    const answer = await decline(link, owner, requestId)
    expect(await answer.json()).toMatchObject({ approval_status: false, state: 'declined', request_id: requestId })
    const asMember = { user: member }
    for (const refused of [
      await call(chat, asMember),
      await call(`${chat}?wait=300`, asMember),
      await call(`${chat}/events`, asMember),
      await call(`${chat}/events?last_event_id=0`, asMember),
      await call(chat, { ...asMember, json: { text: 'let me' } }),
      await call(chat, { ...asMember, json: { text: 'said' }, headers: { 'idempotency-key': 'k' } })
    ]) {
      expect(await refusal(refused)).toEqual([403, 'not-a-member'])
    }
    for (const refused of [
      await call(`${chat}/links`, asMember),
      await call(`${chat}/join-requests`, asMember),
      await call(`DELETE ${chat}`, asMember),
      await approve(link, member, requestId)
    ]) {
      expect(await refusal(refused)).toEqual([403, 'not-the-owner'])
    }
    expect(await endingOf(await call(link, asMember))).toEqual([403, 'declined', 'declined', requestId, member])
    expect(await readTexts(chat, owner)).toEqual(['said'])
    expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'declined', approval_status: false }])
  })

  it('is nobody at other links, and may ask again at an open one as somebody new', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const otherLink = await createLink(chat, owner)
    expect((await call(otherLink, { user: member })).status).toBe(200)
    await decline(link, owner, requestId)
    expect(await refusal(await call(otherLink, { user: member }))).toEqual([403, 'not-this-guest'])
    const again = await knock(otherLink)
    expect(again.client).not.toBe(member)
  })

  it('is told closed on every stream, which ends, and nothing that came later', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const streams = [
      await openStream(`${chat}/events`, { user: member }),
      await openStream(`${chat}/events?last_event_id=0`, { user: member })
    ]
    const ofOwner = await openStream(`${chat}/events`, { user: owner })
    for (const stream of [...streams, ofOwner]) await stream.until('ready')
    await post(chat, owner, 'before')
    await Promise.all([decline(link, owner, requestId), post(chat, owner, 'at the same time')])
    await post(chat, owner, 'after')
    const removal = (await ofOwner.until('join_declined')).at(-1)
    for (const stream of streams) {
      const rest = await stream.rest()
      expect(rest.at(-1)).toEqual(CLOSED)
      const told = rest.slice(0, -1).map(({ id }) => Number(id))
      expect(told[0]).toBe(3)
      expect(Math.max(...told)).toBeLessThan(Number(removal?.id))
      chatEvents.parse(rest.map(({ event, id, data }) => ({ event, data, ...(id && { id: Number(id) }) })))
    }
  })

  it('who waits for a message is refused at once', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const ofOthers = call(`${chat}?wait=300`, { user: owner })
    const waiting = [call(`${chat}?wait=300`, { user: member }), call(`${chat}?wait=300&after=2`, { user: member })]
    await decline(link, owner, requestId)
    for (const answer of await Promise.all(waiting)) expect(await refusal(answer)).toEqual([403, 'not-a-member'])
    await post(chat, owner, 'for who is left')
    expect((await ofOthers).status).toBe(200)
  })

  it('does not disturb other members', async () => {
    const server = await startServer()
    const { chat, owner, link, requestId } = await createChatWithMember(server)
    const ben = await knock(link, 'Ben')
    await approve(link, owner, ben.requestId)
    const stream = await openStream(`${chat}/events`, { user: ben.client })
    await stream.until('ready')
    await decline(link, owner, requestId)
    await post(chat, ben.client, 'still here')
    expect(await stream.next()).toMatchObject({ event: 'message', data: { text: 'still here' } })
  })

  it('let in again goes on where the stream was, with what was said meanwhile, and is not closed by the old removal', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const first = await openStream(`${chat}/events`, { user: member })
    await first.until('ready')
    await post(chat, owner, 'three')
    await decline(link, owner, requestId)
    expect((await first.rest()).map(({ event, id }) => [event, id])).toEqual([
      ['message', '3'],
      ['closed', undefined]
    ])
    await post(chat, owner, 'five')
    await approve(link, owner, requestId)
    await decline(link, owner, requestId)
    await post(chat, owner, 'eight')
    await approve(link, owner, requestId)
    const again = await openStream(`${chat}/events`, { user: member, headers: { 'last-event-id': '3' } })
    expect((await again.until('ready')).map(({ event, id }) => [event, id])).toEqual([
      ['message', '5'],
      ['message', '8'],
      ['ready', '9']
    ])
    await post(chat, owner, 'ten')
    expect(await again.next()).toMatchObject({ event: 'message', id: '10' })
    expect(await readTexts(chat, member)).toEqual(['three', 'five', 'eight', 'ten'])
    await decline(link, owner, requestId)
    expect(await again.rest()).toEqual([CLOSED])
  })
})

describe('an approval that is withdrawn while that guest posts', () => {
  it('lets no post in after the answer, and shows the guest nothing later than the removal', async () => {
    const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    const round = async () => {
      const { chat, owner, link, member, requestId } = await createChatWithMember(server)
      const stream = await openStream(`${chat}/events`, { user: member })
      await stream.until('ready')
      let isOut = false
      const say = async (user: string, text: string) => {
        const isLate = isOut
        const { status } = await call(chat, { user, json: { text } })
        return { status, isLate }
      }
      const talking = async () => {
        const posts = []
        for (let count = 0; count < 2; count++) posts.push(await say(member, `${count}`))
        return posts
      }
      const withdraw = async () => {
        const { status } = await decline(link, owner, requestId)
        isOut = true
        return [{ status, isLate: false }, await say(member, 'too late')]
      }
      const chatter = Array.from({ length: 3 }, () => say(owner, 'of the owner'))
      const [[withdrawn, last], ...posts] = await Promise.all([withdraw(), talking(), talking(), ...chatter])
      expect([withdrawn?.status, last?.status]).toEqual([200, 403])
      for (const { status, isLate } of posts.slice(0, 2).flat()) expect(isLate ? [403] : [201, 403]).toContain(status)

      const log = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
      const removal = (await log.until('join_declined')).at(-1)
      const told = await stream.rest()
      expect(told.pop()).toEqual(CLOSED)
      expect(told.every(({ id }) => Number(id) < Number(removal?.id))).toBe(true)
      const ids = told.map(({ id }) => Number(id))
      expect(ids).toEqual(Array.from({ length: Number(removal?.id) - 3 }, (_, index) => index + 3))
      log.close()
    }
    for (let count = 0; count < 5; count++) await Promise.all(Array.from({ length: 10 }, round))
  })

  it('lets no waiting read see what came after', async () => {
    const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    const round = async () => {
      const { chat, owner } = await createChat(server)
      const link = await createLink(chat, owner)
      const guest = await knock(link)
      await approve(link, owner)
      const reads = Array.from({ length: 3 }, () => call(`${chat}?wait=300`, { user: guest.client }))
      await decline(link, owner, guest.requestId)
      const secret = post(chat, owner, 'secret')
      for (const answer of await Promise.all(reads)) expect(await refusal(answer)).toEqual([403, 'not-a-member'])
      await secret
    }
    for (let count = 0; count < 2; count++) await Promise.all(Array.from({ length: 10 }, round))
  })
})
