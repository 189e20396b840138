/** The owner closes the chat. What everybody is answered then: endings.test.ts. */
import { describe, expect, it } from 'vitest'
import {
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  readTexts,
  refusal,
  STRANGER
} from '../../support/api.ts'
import { isOverMemory, startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

describe('DELETE /v1/chats/:chat', () => {
  it('makes the chat and all its links unknown, also links that had ended before', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const revoked = await createLink(chat, owner)
    const { client } = await knock(revoked)
    await call(`DELETE ${revoked}`, { user: owner })
    const answer = await call(`DELETE ${chat}`, { user: owner })
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    for (const user of [owner, member, client, STRANGER]) {
      for (const refused of [
        await call(chat, { user }),
        await call(`${server.url}/v1/links`, { user, json: { chat } })
      ]) {
        expect(await refusal(refused)).toEqual([404, 'chat-not-found'])
      }
    }
    for (const one of [link, revoked]) {
      for (const user of [undefined, owner, member, client, STRANGER]) {
        expect(await refusal(await call(one, { user }))).toEqual([404, 'link-not-found'])
      }
      expect(await refusal(await call(`DELETE ${one}`, { user: owner }))).toEqual([404, 'link-not-found'])
    }
  })

  it('is refused to everybody but the owner', async () => {
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

  it('does not affect other chats or their streams', async () => {
    const server = await startServer()
    const [one, other] = [await createChat(server), await createChatWithMember(server)]
    const stream = await openReady(other.chat, other.member)
    await call(`DELETE ${one.chat}`, { user: one.owner })
    await post(other.chat, other.owner, 'here')
    expect(await stream.next()).toMatchObject({ event: 'message', data: { text: 'here' } })
  })

  it.runIf(isOverMemory)('frees the memory of messages, keys, links and requests', async () => {
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

  it('lets nobody post once it is answered, and closes every stream, while members post', async () => {
    const server = await startServer()
    const round = async () => {
      const { chat, owner, member } = await createChatWithMember(server)
      const stream = await openStream(`${chat}/events?last_event_id=0`, { user: member })
      const send = async () => (await call(chat, { user: member, json: { text: 'x' } })).status
      const close = async () => [(await call(`DELETE ${chat}`, { user: owner })).status, await send()]
      const [closed, ...statuses] = await Promise.all([close(), send(), send(), send()])
      expect(closed).toEqual([204, 404])
      for (const status of statuses) expect([201, 404]).toContain(status)
      expect((await stream.rest()).at(-1)).toMatchObject({ event: 'closed', data: { reason: 'chat_closed' } })
    }
    for (let count = 0; count < 2; count++) await Promise.all(Array.from({ length: 10 }, round))
  })
})
