/** Withdrawals that the store cannot take: enforced at once, stored later. */
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../src/chat/store.ts'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { tagIn } from '../../store/contract/support.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  readTexts,
  refusal,
  requestsOf,
  STRANGER
} from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { METRICS, scrape } from '../../support/metrics.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

/** A server whose store can be read, and written while `isReadOnly` is false. */
async function aServer() {
  const state = { isReadOnly: false }
  const refuse = () => Promise.reject(new StoreUnavailable('unreachable'))
  const server = await startServer({
    env: METRICS,
    wrap: (store: Store) => ({
      ...store,
      commit: (...all) => (state.isReadOnly ? refuse() : store.commit(...all)),
      append: (...all) => (state.isReadOnly ? refuse() : store.append(...all)),
      remove: (...all) => (state.isReadOnly ? refuse() : store.remove(...all))
    })
  })
  return { server, state }
}

describe('while the store cannot write', () => {
  it('a removed member neither reads nor posts nor follows, and is removed for good when it can', async () => {
    const { server, state } = await aServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    await post(chat, owner, 'before')
    const stream = await openReady(chat, member)
    state.isReadOnly = true
    const decline = () =>
      call(`${server.url}/v1/approval`, { user: owner, json: { link, request_id: requestId, approval_status: false } })
    for (const answer of [await decline(), await decline()]) {
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
      expect(await refusal(answer)).toEqual([503, 'not-stored'])
    }
    expect((await stream.rest()).at(-1)).toMatchObject({ event: 'closed', data: { reason: 'removed' } })
    for (const refused of [
      await call(chat, { user: member }),
      await call(`${chat}/events`, { user: member }),
      await call(chat, { user: member, json: { text: 'still here' } })
    ]) {
      expect(await refusal(refused)).toEqual([403, 'not-a-member'])
    }
    expect(await refusal(await call(link, { user: member }))).toEqual([403, 'declined'])
    expect(await readTexts(chat, owner)).toEqual(['before'])
    expect((await call(chat, { user: owner, json: { text: 'too early' } })).status).toBe(503)

    state.isReadOnly = false
    await post(chat, owner, 'after')
    const events = await openStream(`${chat}/events?last_event_id=0`, { user: owner })
    const isStored = async () => (await events.next())?.event === 'join_declined'
    await eventually(isStored, 'the removal is in the log')
    expect((await decline()).status).toBe(200)
  })

  it('everybody who waits is declined at once, and who knocks later still waits when it is stored', async () => {
    const { server, state } = await aServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const guests = [await knock(link), await knock(link)]
    state.isReadOnly = true
    const json = { link, all: true, approval_status: false }
    expect(await refusal(await call(`${server.url}/v1/approval`, { user: owner, json }))).toEqual([503, 'not-stored'])
    for (const { client } of guests) {
      expect(await refusal(await call(link, { user: client }))).toEqual([403, 'declined'])
    }
    state.isReadOnly = false
    await knock(link)
    const states = async () => (await requestsOf(chat, owner)).map((request) => request.state).join()
    const events = await openStream(`${chat}/events?last_event_id=3`, { user: owner })
    expect((await events.take(3)).map(({ event }) => event).sort()).toEqual(['join_declined', 'join_declined', 'ready'])
    expect(await states()).toBe('declined,declined,pending')
  })

  it('a declined guest stays declined, whoever knocks meanwhile', async () => {
    const { server, state } = await aServer()
    const { chat, owner } = await createChat(server)
    const { link } = (await (await call(`${server.url}/v1/links`, { user: owner, json: { chat } })).json()) as {
      link: string
    }
    const first = await knock(link)
    state.isReadOnly = true
    const without = await call(`${server.url}/v1/approval`, { user: owner, json: { link, approval_status: false } })
    expect(await refusal(without)).toEqual([503, 'not-stored'])
    state.isReadOnly = false
    const second = await knock(link)
    const isStored = async () => (await requestsOf(chat, owner))[0]?.state === 'declined'
    await eventually(isStored, 'the first request is declined')
    await eventually(async () => (await call(link, { user: first.client })).status === 403, 'its guest learns it')
    expect((await call(link, { user: second.client })).status).toBe(202)
    expect((await approve(link, owner, second.requestId)).status).toBe(200)
  })

  it('a revoked link takes nobody, a guest leaves, and a closed chat is gone', async () => {
    const { server, state } = await aServer()
    const one = await createChatWithMember(server)
    const other = await createChatWithMember(server)
    const closing = await createChatWithMember(server)
    const stream = await openReady(closing.chat, closing.member)
    state.isReadOnly = true
    const answers = [
      await call(`DELETE ${one.link}`, { user: one.owner }),
      await call(`DELETE ${other.link}/request`, { user: other.member }),
      await call(`DELETE ${closing.chat}`, { user: closing.owner })
    ]
    for (const answer of answers) expect(await refusal(answer)).toEqual([503, 'not-stored'])
    expect((await call(`HEAD ${one.link}`)).status).toBe(410)
    expect(await refusal(await call(other.chat, { user: other.member }))).toEqual([403, 'not-a-member'])
    expect(await refusal(await call(closing.chat, { user: closing.owner }))).toEqual([404, 'chat-not-found'])
    expect((await stream.rest()).at(-1)).toMatchObject({ event: 'closed', data: { reason: 'chat_closed' } })
    state.isReadOnly = false
    const isGone = async () => (await server.store.load(tagIn(closing.chat))) === undefined
    await eventually(isGone, 'the chat is removed')
  })

  it('the metrics say how many withdrawals are not stored, in all chats together', async () => {
    const { server, state } = await aServer()
    const count = async () => (await scrape(server)).value('silly_chat_unstored_withdrawals')
    const { chat, owner } = await createChat(server)
    const [one, other] = [await createLink(chat, owner), await createLink(chat, owner)]
    const elsewhere = await createChatWithMember(server)
    expect(await count()).toBe(0)
    state.isReadOnly = true
    for (const link of [one, one, other]) await call(`DELETE ${link}`, { user: owner })
    expect(await count()).toBe(2)
    await call(`DELETE ${elsewhere.chat}`, { user: elsewhere.owner })
    expect(await count()).toBe(3)
    state.isReadOnly = false
    await eventually(async () => (await count()) === 0, 'everything is stored')
  })

  it('a server that stops stores it first, if it can by then', async () => {
    const { server, state } = await aServer()
    const { chat, link, member } = await createChatWithMember(server)
    state.isReadOnly = true
    expect((await call(`DELETE ${link}/request`, { user: member })).status).toBe(503)
    state.isReadOnly = false
    await server.close()
    const requests = (await server.store.load(tagIn(chat)))?.door.requests.values() ?? []
    expect([...requests]).toMatchObject([{ state: 'closed', reason: 'left' }])
  })

  it('nobody withdraws what is not theirs', async () => {
    const { server, state } = await aServer()
    const { link, member, requestId, chat } = await createChatWithMember(server)
    state.isReadOnly = true
    for (const user of [STRANGER, member]) {
      const json = { link, request_id: requestId, approval_status: false }
      expect(await refusal(await call(`${server.url}/v1/approval`, { user, json }))).toEqual([403, 'not-the-owner'])
      expect(await refusal(await call(`DELETE ${chat}`, { user }))).toEqual([403, 'not-the-owner'])
    }
    expect((await call(chat, { user: member })).status).toBe(200)
  })
})
