/** The owner closes the chat, and it is as if it had never been. */
import { describe, expect, it } from 'vitest'
import { chatEvents } from '../../../src/wire/schemas/streams.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  readTexts,
  refusal
} from '../../support/api.ts'
import { isOverMemory, startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const STRANGER = '406a3207-a070-4411-b9b6-8527c0c19c7e'

describe('DELETE /v1/chats/:chat', () => {
  it('is 204, and then chat and links are 404 for everybody', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const { client } = await knock(link)
    const revoked = await createLink(chat, owner)
    await call(`DELETE ${revoked}`, { user: owner })
    await post(chat, owner, 'hello')
    const answer = await call(`DELETE ${chat}`, { user: owner })
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    for (const user of [owner, member, client, STRANGER]) {
      for (const refused of [
        await call(chat, { user }),
        await call(`${chat}?wait=300`, { user }),
        await call(chat, { user, json: { text: 'anybody there?' } }),
        await call(`${chat}/events`, { user }),
        await call(`${chat}/links`, { user }),
        await call(`${chat}/join-requests`, { user }),
        await call(`DELETE ${chat}`, { user }),
        await call(`${server.url}/v1/links`, { user, json: { chat } })
      ]) {
        expect(await refusal(refused)).toEqual([404, 'chat-not-found'])
      }
    }
    for (const one of [link, revoked]) {
      for (const user of [undefined, owner, member, client, STRANGER]) {
        expect(await refusal(await call(one, { user }))).toEqual([404, 'link-not-found'])
        expect(await refusal(await call(`${server.url}/v1/approval?link=${one}`, { user }))).toEqual([
          404,
          'link-not-found'
        ])
      }
      for (const refused of [
        await call(`${one}/events`, { user: client }),
        await call(`${one}/events`, { user: member, headers: { 'last-event-id': 'approved' } }),
        await call(`DELETE ${one}`, { user: owner }),
        await call(`DELETE ${one}/request`, { user: client }),
        await approve(one, owner, requestId)
      ]) {
        expect(await refusal(refused)).toEqual([404, 'link-not-found'])
      }
      expect((await call(`HEAD ${one}`)).status).toBe(404)
    }
  })

  it('tells every stream of the chat closed and ends it; the stream of a guest ends without a word', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { client } = await knock(link)
    const ofMembers = [
      await openStream(`${chat}/events`, { user: owner }),
      await openStream(`${chat}/events?last_event_id=0`, { user: owner }),
      await openStream(`${chat}/events`, { user: member })
    ]
    for (const stream of ofMembers) await stream.until('ready')
    const ofGuest = await openStream(`${link}/events`, { user: client })
    expect(await ofGuest.next()).toMatchObject({ id: 'pending' })
    await Promise.all([call(chat, { user: member, json: { text: 'bye' } }), call(`DELETE ${chat}`, { user: owner })])
    for (const stream of ofMembers) {
      const rest = await stream.rest()
      expect(rest.at(-1)).toEqual({ event: 'closed', id: undefined, data: { reason: 'chat_closed' } })
      chatEvents.parse(rest.slice(-1))
    }
    expect(await ofGuest.rest()).toEqual([])
    const again = await call(`${link}/events`, { user: client, headers: { 'last-event-id': 'pending' } })
    expect(await refusal(again)).toEqual([404, 'link-not-found'])
  })

  it('ends every wait with 404', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { client } = await knock(link)
    const stream = await openStream(`${chat}/events`, { user: owner })
    await stream.until('ready')
    const newcomer = call(`${link}?wait=300`)
    await stream.next()
    const reading = [call(`${chat}?wait=300`, { user: owner }), call(`${chat}?wait=300`, { user: member })]
    const waiting = call(`${link}?wait=300`, { user: client })
    await call(`DELETE ${chat}`, { user: owner })
    for (const answer of await Promise.all(reading)) expect(await refusal(answer)).toEqual([404, 'chat-not-found'])
    for (const answer of await Promise.all([newcomer, waiting])) {
      expect(await refusal(answer)).toEqual([404, 'link-not-found'])
    }
  })

  it('is for the owner alone', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { client } = await knock(link)
    const other = await createChat(server)
    for (const user of [member, client, other.owner, STRANGER]) {
      expect(await refusal(await call(`DELETE ${chat}`, { user }))).toEqual([403, 'not-the-owner'])
    }
    await post(chat, owner, 'still here')
    expect(await readTexts(chat, member)).toEqual(['still here'])
  })

  it('leaves other chats alone, streams included', async () => {
    const server = await startServer()
    const [one, other] = [await createChat(server), await createChatWithMember(server)]
    const stream = await openStream(`${other.chat}/events`, { user: other.member })
    await stream.until('ready')
    await call(`DELETE ${one.chat}`, { user: one.owner })
    await post(other.chat, other.owner, 'here')
    expect(await stream.next()).toMatchObject({ event: 'message', data: { text: 'here' } })
  })

  it.runIf(isOverMemory)('sets its memory free: messages, keys, links and requests', async () => {
    const server = await startServer({ env: { MAX_STORE_BYTES: '40000', LOG_LEVEL: 'silent' } })
    const fill = async () => {
      const { chat, owner, link } = await createChatWithMember(server)
      for (let count = 0; count < 3; count++) await knock(link)
      for (let count = 0; ; count++) {
        const headers: Record<string, string> = count % 2 === 0 ? {} : { 'idempotency-key': `${count}` }
        const { status } = await call(chat, { user: owner, json: { text: 'x'.repeat(2000) }, headers })
        if (status === 503) return { chat, owner, count }
      }
    }
    const counts: number[] = []
    for (let round = 0; round < 5; round++) {
      const { chat, owner, count } = await fill()
      expect(await refusal(await call(chat, { user: owner, json: { text: 'x'.repeat(3000) } }))).toEqual([
        503,
        'store-full'
      ])
      expect((await call(`DELETE ${chat}`, { user: owner })).status).toBe(204)
      counts.push(count)
    }
    expect(counts[0]).toBeGreaterThan(5)
    expect(new Set(counts).size).toBe(1)
  })

  it('while everybody is talking lets nobody post after the answer, and closes every stream', async () => {
    const server = await startServer()
    const round = async () => {
      const { chat, owner, member } = await createChatWithMember(server)
      const stream = await openStream(`${chat}/events?last_event_id=0`, { user: member })
      const say = async () => (await call(chat, { user: member, json: { text: 'x' } })).status
      const close = async () => [(await call(`DELETE ${chat}`, { user: owner })).status, await say()]
      const [closed, ...said] = await Promise.all([close(), say(), say(), say()])
      expect(closed).toEqual([204, 404])
      for (const status of said) expect([201, 404]).toContain(status)
      expect((await stream.rest()).at(-1)).toMatchObject({ event: 'closed', data: { reason: 'chat_closed' } })
    }
    for (let count = 0; count < 2; count++) await Promise.all(Array.from({ length: 10 }, round))
  })
})
