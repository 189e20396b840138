/** `all`: the owner decides on everybody who waits at a link. */
import { expect, it } from 'vitest'
import { approve, call, createChat, createLink, decline, knock, refusal, requestsOf } from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openReady } from '../../support/streams.ts'

async function aDoorWith(waiting: number, body: object = {}) {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner, body)
  const guests = []
  for (let count = 0; count < waiting; count++) guests.push(await knock(link, `${count}`))
  const decide = (more: object = {}, user = owner) =>
    call(`${server.url}/v1/approval`, { user, json: { link, all: true, ...more } })
  return { server, chat, owner, link, decide, guests, ids: guests.map(({ requestId }) => requestId) }
}

it('lets a hundred in at once, oldest first, and tells each of them', async () => {
  const { chat, owner, link, decide, guests, ids } = await aDoorWith(100)
  const stream = await openReady(chat, owner)
  const answer = await decide()
  expect([answer.status, await answer.json()]).toEqual([200, { approval_status: true, link, decided: ids, left: [] }])
  expect((await stream.take(100)).map(({ event, data }) => [event, data])).toMatchObject(
    ids.map((request_id) => ['join_approved', { request_id }])
  )
  for (const { client } of guests.slice(-3)) expect((await call(chat, { user: client })).status).toBe(200)
})

it('declines everybody who waits, and no member', async () => {
  const { owner, chat, link, decide, ids } = await aDoorWith(3)
  await approve(link, owner, ids[1])
  expect(await (await decide({ approval_status: false })).json()).toEqual({
    approval_status: false,
    link,
    decided: [ids[0], ids[2]],
    left: []
  })
  expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['declined', 'approved', 'declined'])
})

it('leaves those for whom the link has no seat, and with nobody waiting both lists are empty', async () => {
  const { owner, chat, link, decide, ids } = await aDoorWith(3, { max_guests: 2 })
  expect(await (await decide()).json()).toMatchObject({ decided: ids.slice(0, 2), left: ids.slice(2) })
  expect((await requestsOf(chat, owner)).map(({ state }) => state)).toEqual(['approved', 'approved', 'closed'])
  expect(await (await decide()).json()).toEqual({ approval_status: true, link, decided: [], left: [] })
})

it('is for the owner, is not for one request, and false is as if it was left out', async () => {
  const { link, owner, decide, guests, ids } = await aDoorWith(2)
  expect(await refusal(await decide({}, guests[0]?.client))).toEqual([403, 'not-the-owner'])
  expect(await refusal(await decide({ request_id: ids[0] }))).toEqual([400, 'invalid-request'])
  expect(await refusal(await decide({ all: false }))).toEqual([409, 'several-requests'])
  await decline(link, owner, ids[0])
  expect(await (await decide({ all: false, request_id: ids[1] })).json()).toMatchObject({ state: 'approved' })
})
