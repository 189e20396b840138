/** The owner revokes a link, and sees the links of the chat. */
import { describe, expect, it } from 'vitest'
import { newUserId, readChatId, readUserId } from '../../../src/chat/ids.ts'
import { createService } from '../../../src/chat/service.ts'
import { links } from '../../../src/wire/schemas/links.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createChatWithWaiting,
  createLink,
  endingOf,
  knock,
  linksOf,
  post,
  refusal,
  requestsOf
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

const STRANGER = '406a3207-a070-4411-b9b6-8527c0c19c7e'
const idIn = (url: string) => url.split('/').at(-1) ?? ''
const NOON = '2026-11-22T12:00:00.000Z'

describe('DELETE /v1/links/:link', () => {
  it('is 204 and ends the link: newcomers get 410, unknown ids 403, the owner and members 200', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const answer = await call(`DELETE ${link}`, { user: owner })
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    for (const refused of [await call(link), await call(`${link}?wait=300`)]) {
      expect(await refusal(refused)).toEqual([410, 'link-revoked'])
    }
    expect((await call(`HEAD ${link}`)).status).toBe(410)
    expect(await refusal(await call(link, { user: STRANGER }))).toEqual([403, 'not-this-guest'])
    expect((await call(link, { user: owner })).status).toBe(200)
    const status = await call(`${server.url}/v1/approval?link=${link}`)
    expect(await status.json()).toEqual({ approval_status: true })
    expect(await (await call(link, { user: member })).json()).toMatchObject({ state: 'approved', chat })
    expect(await post(chat, member, 'still in')).toBe(3)
  })

  it('tells who waits at that moment: the stream, who waits for an answer, and the owner', async () => {
    const server = await startServer()
    const { chat, owner, link, ana, ben } = await createChatWithWaiting(server)
    const ofOwner = await openStream(`${chat}/events`, { user: owner })
    const stream = await openStream(`${link}/events`, { user: ana.client })
    await Promise.all([ofOwner.until('ready'), stream.next()])
    const waiting = call(`${link}?wait=300`, { user: ben.client })
    await call(`DELETE ${link}`, { user: owner })
    expect(await stream.rest()).toMatchObject([
      { event: 'approval', id: 'closed', data: { state: 'closed', approval_status: false, reason: 'revoked' } }
    ])
    expect(await endingOf(await waiting)).toEqual([410, 'link-revoked', 'closed', ben.requestId, ben.client])
    const closed = { state: 'closed', approval_status: false, decided_at: NOON }
    expect(await ofOwner.take(2)).toMatchObject([
      { event: 'join_closed', id: '3', data: { request_id: ana.requestId, ...closed } },
      { event: 'join_closed', id: '4', data: { request_id: ben.requestId, ...closed } }
    ])
    expect(await requestsOf(chat, owner)).toMatchObject([closed, closed])
  })

  it('does nothing to other links, and what ended otherwise stays as it is', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    const other = await createLink(chat, owner, { expires_in: 60 })
    await call(`DELETE ${link}`, { user: owner })
    const cem = await knock(other)
    expect((await call(other, { user: cem.client })).status).toBe(202)
    server.clock.now += 60_000
    expect((await call(`DELETE ${other}`, { user: owner })).status).toBe(204)
    expect(await refusal(await call(other))).toEqual([410, 'link-expired'])
    expect(await endingOf(await call(link, { user: ana.client }))).toMatchObject({ 1: 'link-revoked' })
  })

  it('is for the owner alone, also of a link that somebody else has made', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const { client } = await knock(link)
    const stranger = await createChat(server)
    for (const user of [member, client, stranger.owner, STRANGER]) {
      expect(await refusal(await call(`DELETE ${link}`, { user }))).toEqual([403, 'not-the-owner'])
    }
    expect((await call(`HEAD ${link}`)).status).toBe(200)
    const madeByMember = await createLink(chat, member)
    expect((await call(`DELETE ${madeByMember}`, { user: owner })).status).toBe(204)
  })

  it('makes room for another among the open links', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const make = () => call(`${server.url}/v1/links`, { json: { chat } })
    const made = await Promise.all(Array.from({ length: 20 }, async () => (await make()).headers.get('location')))
    expect(await refusal(await make())).toEqual([409, 'too-many-links'])
    await call(`DELETE ${made[0]}`, { user: owner })
    expect((await make()).status).toBe(201)
  })

  it('leaves the latest 200 ended links, so that a door does not grow', async () => {
    const server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    const { chat, owner, link, member } = await createChatWithMember(server)
    await call(`DELETE ${link}`, { user: owner })
    const service = createService({ store: server.store, now: () => server.clock.now, chatTtlMs: 0 })
    const made: string[] = []
    const id = readChatId(idIn(chat))
    if (id === undefined) throw new Error('no id')
    for (let count = 0; count < 205; count++) {
      const { link: one } = await service.createLink(id, undefined)
      await service.revokeLink(one.id, readUserId(owner) ?? newUserId())
      made.push(link.replace(idIn(link), one.id))
    }
    // The one through which somebody is in is kept beyond them.
    expect((await linksOf(chat, owner)).map((one) => one.link)).toEqual([link, ...made.slice(-200)])
    expect((await call(link, { user: member })).status).toBe(200)
    expect(await refusal(await call(made.at(-1) ?? ''))).toEqual([410, 'link-revoked'])
    expect(await refusal(await call(made[0] ?? ''))).toEqual([404, 'link-not-found'])
  })
})

describe('GET /v1/chats/:chat/links', () => {
  it('shows the links oldest first, with who waits and who is in', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    server.clock.now += 1000
    const expiring = await createLink(chat, owner, { expires_in: 60 })
    const full = await createLink(chat, undefined, { max_guests: 1 })
    const revoked = await createLink(chat, owner)
    await knock(expiring)
    await knock(full)
    await approve(full, owner)
    await approve(link, owner, ana.requestId)
    await call(`DELETE ${revoked}`, { user: owner })
    server.clock.now += 60_000
    const answer = await call(`${chat}/links/?user_id=${owner}`)
    expect(answer.status).toBe(200)
    const body = links.parse(await answer.json())
    const [made, later] = [{ created_at: NOON }, { created_at: '2026-11-22T12:00:01.000Z' }]
    const none = { expires_at: null, max_guests: null, pending: 0, approved: 0 }
    expect(body).toEqual({
      links: [
        { ...none, ...made, link, state: 'open', pending: 1, approved: 1 },
        { ...none, ...later, link: expiring, state: 'expired', expires_at: '2026-11-22T12:01:01.000Z' },
        { ...none, ...later, link: full, state: 'full', max_guests: 1, approved: 1 },
        { ...none, ...later, link: revoked, state: 'revoked' }
      ]
    })
  })

  it('is empty where there are none, 403 for all but the owner, 404 where there is no chat, 401 without a user id', async () => {
    const server = await startServer()
    const { chat, link, member } = await createChatWithMember(server)
    const other = await createChat(server)
    expect(await linksOf(other.chat, other.owner)).toEqual([])
    const { client } = await knock(link)
    for (const user of [member, client, other.owner, STRANGER]) {
      expect(await refusal(await call(`${chat}/links`, { user }))).toEqual([403, 'not-the-owner'])
    }
    expect(await refusal(await call(`${chat}x/links`, { user: other.owner }))).toEqual([404, 'chat-not-found'])
    expect(await refusal(await call(`${chat}/links`))).toEqual([401, 'user-id-required'])
  })
})
