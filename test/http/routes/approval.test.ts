import { describe, expect, it } from 'vitest'
import { approval } from '../../../src/wire/schemas/approval.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  problemOf,
  refusal,
  STRANGER
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

/** A chat with a link and pending guests. */
async function aQueue(names: string[]) {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const guests = []
  for (const name of names) guests.push(await knock(link, name))
  return { server, chat, owner, link, guests, url: `${server.url}/v1/approval` }
}

describe('POST /v1/approval', () => {
  it('approves the only pending guest, and gives the same answer when it is repeated', async () => {
    const { server, chat, owner, link, guests } = await aQueue(['Ana'])
    const [ana] = guests
    const answer = await approve(link, owner)
    expect(answer.status).toBe(200)
    const body = approval.parse(await answer.json())
    expect(body).toEqual({
      approval_status: true,
      state: 'approved',
      link,
      request_id: ana?.requestId,
      decided_at: '2026-11-22T12:00:00.000Z'
    })
    server.clock.now += 1000
    expect(await (await approve(link, owner)).json()).toEqual(body)
    expect(await (await approve(link, owner, ana?.requestId)).json()).toEqual(body)
    expect(await post(chat, ana?.client ?? '', 'in')).toBe(3)
  })

  it('accepts the user id in the body, and a request id in any spelling', async () => {
    const { url, owner, link, guests } = await aQueue(['Ana', 'Ben'])
    const typed = guests[1]?.requestId.replace('-', '').toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l') ?? ''
    const request_id = `-${typed.slice(0, 2)}-${typed.slice(2)}`
    const answer = await call(url, { json: { link: `${link}/?x`, request_id, approval_status: true, user_id: owner } })
    expect(await answer.json()).toMatchObject({ request_id: guests[1]?.requestId, link })
  })

  it('names the pending requests if there are several and no request id', async () => {
    const { owner, link, guests } = await aQueue(['Ana', 'Ben'])
    const problem = await problemOf(await approve(link, owner))
    expect(problem).toMatchObject({
      status: 409,
      kind: 'several-requests',
      pending_request_ids: guests.map(({ requestId }) => requestId)
    })
    expect(problem.title).toBeTruthy()
  })

  it('is 409 if there is no request, and 404 for requests at other links', async () => {
    const { chat, owner, link, guests } = await aQueue(['Ana'])
    const otherLink = await createLink(chat, owner)
    expect(await refusal(await approve(otherLink, owner))).toEqual([409, 'nobody-asked'])
    expect(await refusal(await approve(otherLink, owner, guests[0]?.requestId))).toEqual([404, 'request-not-found'])
    expect(await refusal(await approve(link, owner, '0000-0000'))).toEqual([404, 'request-not-found'])
    expect(await refusal(await approve(`${link}x`, owner))).toEqual([404, 'link-not-found'])
  })

  it('is refused to everybody but the owner of that chat', async () => {
    const { server, link, guests, url } = await aQueue(['Ana'])
    const other = await createChat(server)
    for (const user of [other.owner, guests[0]?.client ?? '', STRANGER]) {
      expect(await refusal(await approve(link, user))).toEqual([403, 'not-the-owner'])
    }
    expect(await refusal(await approve(link, other.owner, '0000-0000'))).toEqual([404, 'request-not-found'])
    expect(await refusal(await call(url, { json: { link } }))).toEqual([401, 'user-id-required'])
    expect(await (await call(`${url}?link=${link}`)).json()).toEqual({ approval_status: false })
  })

  it.each([
    ['link', { link: 'x' }],
    ['link', {}],
    ['link', { link: 7 }],
    ['request_id', { request_id: '' }],
    ['request_id', { request_id: '7QF2' }],
    ['request_id', { request_id: '7QF2-9KXU' }],
    ['request_id', { request_id: 7 }],
    ['request_id', { request_id: null }],
    ['approval_status', { approval_status: 'true' }],
    ['approval_status', { approval_status: 1 }]
  ])('refuses a wrong %s: %j', async (path, wrong) => {
    const { owner, link, url } = await aQueue(['Ana'])
    const json = { ...(path === 'link' ? {} : { link }), ...wrong }
    const problem = await problemOf(await call(url, { user: owner, json }))
    expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path }] })
  })
})

describe('GET /v1/approval', () => {
  it('is true if the link has members and no pending guests', async () => {
    const { url, owner, link } = await aQueue([])
    const status = async (user?: string) => (await call(`${url}?link=${encodeURIComponent(link)}`, { user })).json()
    expect(await status()).toEqual({ approval_status: false })
    const ana = await knock(link)
    expect([await status(), await status(owner)]).toEqual(Array(2).fill({ approval_status: false }))
    await approve(link, owner)
    expect([await status(), await status(owner)]).toEqual(Array(2).fill({ approval_status: true }))
    const ben = await knock(link)
    expect(await status()).toEqual({ approval_status: false })
    expect([await status(ana.client), await status(ben.client)]).toEqual([
      { approval_status: true },
      { approval_status: false }
    ])
  })

  it('is that of a request if there is a request id; an empty one is ignored', async () => {
    const { url, owner, link, guests } = await aQueue(['Ana', 'Ben'])
    await approve(link, owner, guests[0]?.requestId)
    const status = async (id = '') => (await call(`${url}?link=${link}&request_id=${id}`)).json()
    expect(await status(guests[0]?.requestId.toLowerCase())).toEqual({ approval_status: true })
    expect(await status(guests[1]?.requestId)).toEqual({ approval_status: false })
    expect(await status()).toEqual({ approval_status: false })
    expect(await refusal(await call(`${url}?link=${link}&request_id=0000-0000`))).toEqual([404, 'request-not-found'])
    expect(await refusal(await call(`${url}?link=${link}&request_id=x`))).toEqual([400, 'invalid-request'])
  })

  it('refuses other user ids, unknown links and other URLs', async () => {
    const server = await startServer()
    const { chat, owner, link, member } = await createChatWithMember(server)
    const otherLink = await createLink(chat, owner)
    const url = `${server.url}/v1/approval`
    expect(await refusal(await call(`${url}?link=${link}`, { user: STRANGER }))).toEqual([403, 'not-this-guest'])
    expect(await refusal(await call(`${url}?link=${otherLink}`, { user: member }))).toEqual([403, 'not-this-guest'])
    expect(await refusal(await call(`${url}?link=${link}x`))).toEqual([404, 'link-not-found'])
    expect(await refusal(await call(`${url}?link=${chat}`))).toEqual([400, 'invalid-request'])
    expect(await refusal(await call(`${url}/`))).toEqual([400, 'invalid-request'])
    expect(await refusal(await call(`${url}?link=${link}&user_id=`))).toEqual([401, 'user-id-required'])
  })
})
