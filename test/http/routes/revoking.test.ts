/** The owner revokes a link, and lists the links of the chat. What everybody is answered then: endings.test.ts. */
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
  idIn,
  knock,
  linksOf,
  refusal,
  STRANGER
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

const NOON = '2026-11-22T12:00:00.000Z'

describe('DELETE /v1/links/:link', () => {
  it('does not affect other links, nor one that has ended in another way', async () => {
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

  it('is refused to everybody but the owner, who can also revoke the links of others', async () => {
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

  it('makes room for another open link', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const make = () => call(`${server.url}/v1/links`, { json: { chat } })
    const made = await Promise.all(Array.from({ length: 20 }, async () => (await make()).headers.get('location')))
    expect(await refusal(await make())).toEqual([409, 'too-many-links'])
    await call(`DELETE ${made[0]}`, { user: owner })
    expect((await make()).status).toBe(201)
  })

  it('keeps only the latest 200 ended links, and those of members', async () => {
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
    expect((await linksOf(chat, owner)).map((one) => one.link)).toEqual([link, ...made.slice(-200)])
    expect((await call(link, { user: member })).status).toBe(200)
    expect(await refusal(await call(made.at(-1) ?? ''))).toEqual([410, 'link-revoked'])
    expect(await refusal(await call(made[0] ?? ''))).toEqual([404, 'link-not-found'])
  })
})

describe('GET /v1/chats/:chat/links', () => {
  it('lists the links, oldest first, with the numbers of pending guests and members, and who has made each', async () => {
    const server = await startServer()
    const { chat, owner, link, ana } = await createChatWithWaiting(server)
    server.clock.now += 1000
    const expiring = await createLink(chat, owner, { expires_in: 60 })
    const full = await createLink(chat, undefined, { max_guests: 1 })
    await approve(link, owner, ana.requestId)
    const revoked = await createLink(chat, owner)
    await knock(expiring)
    await knock(full)
    await approve(full, owner)
    const ofAna = await createLink(chat, ana.client)
    await call(`DELETE ${revoked}`, { user: owner })
    server.clock.now += 60_000
    const answer = await call(`${chat}/links/?user_id=${owner}`)
    expect(answer.status).toBe(200)
    const body = links.parse(await answer.json())
    const [made, later] = [{ created_at: NOON }, { created_at: '2026-11-22T12:00:01.000Z' }]
    const none = { expires_at: null, max_guests: null, pending: 0, approved: 0, made_by: 'owner' }
    expect(body).toEqual({
      links: [
        { ...none, ...made, link, state: 'open', pending: 1, approved: 1 },
        { ...none, ...later, link: expiring, state: 'expired', expires_at: '2026-11-22T12:01:01.000Z' },
        { ...none, ...later, link: full, state: 'full', max_guests: 1, approved: 1, made_by: null },
        { ...none, ...later, link: revoked, state: 'revoked' },
        { ...none, ...later, link: ofAna, state: 'open', made_by: ana.requestId }
      ]
    })
  })

  it('is empty if there are none, and refused to everybody but the owner', async () => {
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
