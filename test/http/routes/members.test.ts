/** Who posted a message, who is in a chat, and what the owner says of it. */
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  decline,
  knock,
  post,
  refusal
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

const json = async (answer: Promise<Response>) => await (await answer).json()
const leave = (link: string, user: string) => call(`DELETE ${link}/request`, { user })

async function aNamedChat(server: Awaited<ReturnType<typeof startServer>>, profile: object) {
  const created = await json(call(`POST ${server.url}/v1/chats`, { json: profile }))
  const { chat, author_id: owner } = z.object({ chat: z.string(), author_id: z.string() }).parse(created)
  return { chat, owner, link: await createLink(chat, owner) }
}

describe('from', () => {
  it('is set by the right that was used, whatever the poster sends', async () => {
    const server = await startServer()
    const { chat, owner, member, requestId } = await createChatWithMember(server)
    const forged = { text: 'Olga: I am the owner', from: 'owner', name: 'Olga' }
    expect(await json(call(chat, { user: member, json: forged }))).toMatchObject({ from: requestId })
    expect(await json(call(chat, { user: owner, json: { text: 'x', from: requestId } }))).toMatchObject({
      from: 'owner'
    })
    expect(await json(call(chat, { user: member }))).toMatchObject({
      you: requestId,
      messages: [{ from: requestId }, { from: 'owner' }]
    })
  })

  it('of a repeated post is that of the first one', async () => {
    const server = await startServer()
    const { chat, member, requestId } = await createChatWithMember(server)
    const twice = () => call(chat, { user: member, json: { text: 'x' }, headers: { 'idempotency-key': 'k' } })
    expect([await json(twice()), await json(twice())]).toMatchObject([
      { id: 3, from: requestId },
      { id: 3, from: requestId }
    ])
  })
})

describe('the members', () => {
  it('are the owner and those who are in, by admission; with all=true also those who were', async () => {
    const server = await startServer()
    const { chat, owner, link } = await aNamedChat(server, { name: ' Olga ' })
    const [ana, ben, cem, dan] = [
      await knock(link, 'Ana'),
      await knock(link, 'Ben'),
      await knock(link),
      await knock(link)
    ]
    await approve(link, owner, cem.requestId)
    server.clock.now += 1000
    await approve(link, owner, ana.requestId)
    await approve(link, owner, ben.requestId)
    server.clock.now += 1000
    await leave(link, cem.client)
    await decline(link, owner, dan.requestId)
    await decline(link, owner, ben.requestId)
    const [start, later, end] = ['2026-11-22T12:00:00.000Z', '2026-11-22T12:00:01.000Z', '2026-11-22T12:00:02.000Z']
    const members = [
      { from: 'owner', name: 'Olga', since: start, until: null },
      { from: ana.requestId, name: 'Ana', since: later, until: null }
    ]
    expect(await json(call(`${chat}/members`, { user: ana.client }))).toEqual({ members, last_event_id: 10 })
    const gone = { from: ben.requestId, name: 'Ben', since: later, until: end }
    expect(await json(call(`${chat}/members?all=true`, { user: owner }))).toEqual({
      members: [members[0], { from: cem.requestId, name: null, since: start, until: end }, members[1], gone],
      last_event_id: 10
    })
    for (const user of [ben.client, dan.client]) {
      expect(await refusal(await call(`${chat}/members`, { user }))).toEqual([403, 'not-a-member'])
    }
  })

  it('learn of each other, with the ids of the join events, and of nobody who was not let in', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const stream = await openReady(chat, member)
    const [ben, dan] = [await knock(link, 'Ben'), await knock(link, 'Dan')]
    await approve(link, owner, ben.requestId)
    await decline(link, owner, dan.requestId)
    await post(chat, ben.client, 'hello')
    await leave(link, ben.client)
    const joined = { event: 'member_joined', id: '5', data: { from: ben.requestId, name: 'Ben', reason: null } }
    const left = { event: 'member_left', id: '8', data: { from: ben.requestId, name: 'Ben', reason: 'left' } }
    expect(await stream.take(3)).toMatchObject([joined, { event: 'message', id: '7' }, left])
    await decline(link, owner, requestId)
    const own = { event: 'member_left', id: '9', data: { from: requestId, name: 'Ana', reason: 'removed' } }
    expect(await stream.rest()).toMatchObject([own, { event: 'closed', data: { reason: 'removed' } }])
  })
})

describe('a PATCH of a chat', () => {
  it('changes what it names; members are told, also those who come back later; what changes nothing is not logged', async () => {
    const server = await startServer()
    const { chat, owner, member } = await createChatWithMember(server)
    const [ofOwner, ofMember] = [await openReady(chat, owner), await openReady(chat, member)]
    const patch = (body: object, user = owner) => call(`PATCH ${chat}`, { user, json: body })
    expect(await json(patch({ title: '  Garden party ' }))).toEqual({
      title: 'Garden party',
      name: null,
      invites: 'anyone'
    })
    expect(await json(patch({ name: 'Olga', title: 'Garden party' }))).toMatchObject({
      title: 'Garden party',
      name: 'Olga'
    })
    expect(await json(patch({ name: 'Olga', invites: 'members' }))).toMatchObject({ name: 'Olga', invites: 'members' })
    expect(await json(patch({ title: ' ' }))).toEqual({ title: null, name: 'Olga', invites: 'members' })
    const told = [
      { event: 'chat', id: '3', data: { title: 'Garden party', owner_name: null } },
      { event: 'chat', id: '4', data: { title: 'Garden party', owner_name: 'Olga' } },
      { event: 'chat', id: '5', data: { title: null, owner_name: 'Olga' } }
    ]
    expect(await ofOwner.take(3)).toEqual(told)
    expect(await ofMember.take(3)).toEqual(told)
    const again = await openStream(`${chat}/events?last_event_id=2`, { user: member })
    expect((await again.until('ready')).slice(0, 3)).toEqual(told)
    expect(await json(call(chat, { user: member }))).toMatchObject({
      title: null,
      invites: 'members',
      last_event_id: 5
    })
    expect(await refusal(await patch({ title: 'x' }, member))).toEqual([403, 'not-the-owner'])
    const inBody = await call(`PATCH ${chat}`, { json: { user_id: owner, title: 'x' } })
    expect(await json(Promise.resolve(inBody))).toMatchObject({ title: 'x' })
  })

  it.each([
    { title: 'x'.repeat(81) },
    { title: 'a\nb' },
    { name: 'x'.repeat(65) },
    { invites: 'nobody' },
    { title: 7 }
  ])('refuses %j', async (body) => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    expect(await refusal(await call(`PATCH ${chat}`, { user: owner, json: body }))).toEqual([400, 'invalid-request'])
    const { name, title } = body as { name?: string; title?: string }
    if (name ?? title) {
      expect((await call(`POST ${server.url}/v1/chats`, { json: { name, title } })).status).toBe(400)
    }
  })

  it('gives a title to the guest at the door, also while they wait', async () => {
    const server = await startServer()
    const { chat, owner, link } = await aNamedChat(server, { title: 'One' })
    const { client, requestId } = await knock(link)
    const guest = await openStream(`${link}/events`, { user: client })
    expect(await guest.next()).toMatchObject({ data: { state: 'pending', title: 'One' } })
    await call(`PATCH ${chat}`, { user: owner, json: { title: 'Two' } })
    await approve(link, owner, requestId)
    expect(await guest.next()).toMatchObject({ data: { state: 'approved', title: 'Two' } })
    expect(await json(call(link, { user: owner }))).toMatchObject({ title: 'Two' })
  })
})

describe('invites', () => {
  it('are for anyone with the URL until somebody is removed, then for members, unless the owner says otherwise', async () => {
    const server = await startServer()
    const { chat, owner, link, member, requestId } = await createChatWithMember(server)
    const ben = await knock(link)
    await approve(link, owner, ben.requestId)
    const invite = async (user?: string) => (await call(`POST ${server.url}/v1/links`, { user, json: { chat } })).status
    await leave(link, ben.client)
    expect([await invite(), await invite(ben.client)]).toEqual([201, 201])
    await decline(link, owner, requestId)
    const closed = await call(`POST ${server.url}/v1/links`, { user: member, json: { chat } })
    expect(await refusal(closed)).toEqual([403, 'invites-closed'])
    expect([await invite(), await invite(owner)]).toEqual([403, 201])
    await call(`PATCH ${chat}`, { user: owner, json: { invites: 'anyone' } })
    expect(await invite(member)).toBe(201)
  })
})

describe('a link preview', () => {
  const preview = async (link: string) =>
    (await call(link, { headers: { accept: 'text/html', 'user-agent': 'WhatsApp/2.23' } })).text()

  it('tells the title, as text, while the link is open, and knocks at nothing', async () => {
    const server = await startServer()
    const { chat, owner, link } = await aNamedChat(server, { title: '"><script>alert(1)</script> & more' })
    const page = await preview(link.replace('/v1/links/', '/i/'))
    expect(page).toContain('Invitation: &#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62; &#38; more')
    expect(page).not.toContain('alert(1)</script>')
    expect(await preview(`${link.slice(0, -1)}${link.endsWith('x') ? 'y' : 'x'}`)).toContain('Invitation to a chat')
    expect(await preview(chat)).not.toContain('more')
    await call(`DELETE ${link}`, { user: owner })
    expect(await preview(link)).toContain('Invitation to a chat')
    expect(await json(call(`${chat}/join-requests`, { user: owner }))).toMatchObject({ join_requests: [] })
  })

  it('has no title while the store is slow, and does not wait for it', async () => {
    const server = await startServer()
    const { link } = await aNamedChat(server, { title: 'Garden party' })
    vi.spyOn(server.store, 'load').mockReturnValue(new Promise(() => undefined))
    expect(await preview(link)).toContain('Invitation to a chat')
  })
})
