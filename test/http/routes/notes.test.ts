/** A guest tells the owner who they are, and the owner tells a guest why not. */
import { expect, it } from 'vitest'
import {
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  problemOf,
  refusal,
  requestsOf
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openReady, openStream } from '../../support/streams.ts'

const WHO = 'Ana from the tennis club, <b>the tall one</b>'
const WHY = 'Sorry, family only'
const withNote = (link: string, note: string) => call(`${link}?name=Ana&note=${encodeURIComponent(note)}`)

async function aDoor() {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const decide = (json: object) => call(`${server.url}/v1/approval`, { user: owner, json: { link, ...json } })
  return { server, chat, owner, link, decide }
}

it('the note of a guest is shown to the owner, in the list and in every join event, and to nobody else', async () => {
  const { server, chat, owner, link, decide } = await aDoor()
  const member = await knock(link, 'Ben')
  await decide({ request_id: member.requestId })
  const owners = await openReady(chat, owner)
  const members = await openReady(chat, member.client)
  const answer = await withNote(link, `  ${WHO}  `)
  const own = await answer.text()
  const { request_id } = JSON.parse(own)
  expect(own).not.toContain('tennis')
  await decide({ request_id })
  await decide({ request_id, approval_status: false })
  expect((await owners.take(3)).map(({ event, data }) => [event, data])).toMatchObject(
    ['join_request', 'join_approved', 'join_declined'].map((name) => [name, { request_id, note: WHO }])
  )
  expect(JSON.stringify(await members.take(2))).not.toContain('tennis')
  expect((await requestsOf(chat, owner)).map(({ note }) => note)).toEqual([null, WHO])
  expect(JSON.stringify(server.log)).not.toContain('tennis')
})

it('a note that is empty is none, and one that is too long or not one line is refused', async () => {
  const { chat, owner, link } = await aDoor()
  for (const note of ['', '   ', 'x'.repeat(280)]) expect((await withNote(link, note)).status).toBe(202)
  expect((await requestsOf(chat, owner)).map(({ note }) => note)).toEqual([null, null, 'x'.repeat(280)])
  for (const note of ['x'.repeat(281), 'two\nlines', '\u202Eevil']) {
    expect((await problemOf(await withNote(link, note))).errors).toMatchObject([{ path: 'note' }])
  }
  expect((await problemOf(await call(`${link}?message=hello`))).errors).toMatchObject([{ path: 'message' }])
})

it('the note of the owner is in the 403 and the last event of that guest, and nowhere else', async () => {
  const { chat, owner, link, decide } = await aDoor()
  const { client, requestId } = await knock(link, 'Ana')
  const other = await knock(link, 'Ben')
  const owners = await openReady(chat, owner)
  const stream = await openStream(`${link}/events`, { user: client })
  const waiting = call(`${link}?wait=30`, { user: client })
  expect((await stream.take(1))[0]?.data).toMatchObject({ state: 'pending', note: null })
  const answer = await decide({ request_id: requestId, approval_status: false, note: WHY })
  expect(await answer.text()).not.toContain('family')
  expect((await stream.rest()).map(({ data }) => data)).toMatchObject([{ state: 'declined', note: WHY }])
  for (const refused of [await waiting, await call(link, { user: client })]) {
    expect(await problemOf(refused)).toMatchObject({ status: 403, kind: 'declined', note: WHY })
  }
  const again = await openStream(`${link}/events`, { user: client })
  expect((await again.rest()).map(({ data }) => data)).toMatchObject([{ state: 'declined', note: WHY }])
  expect(JSON.stringify(await owners.take(1))).not.toContain('family')
  expect(JSON.stringify(await requestsOf(chat, owner))).not.toContain('family')

  await decide({ request_id: requestId })
  await decide({ request_id: requestId, approval_status: false })
  expect(await problemOf(await call(link, { user: client }))).toMatchObject({ kind: 'declined', note: null })
  await decide({ all: true, approval_status: false, note: WHY })
  expect(await problemOf(await call(link, { user: other.client }))).toMatchObject({ kind: 'declined', note: WHY })
})

it('a removed member is told it at the link, and one who left has no note', async () => {
  const server = await startServer()
  const { owner, link, member, requestId } = await createChatWithMember(server)
  const json = { link, request_id: requestId, approval_status: false, note: WHY }
  expect((await call(`${server.url}/v1/approval`, { user: owner, json })).status).toBe(200)
  expect(await problemOf(await call(link, { user: member }))).toMatchObject({ kind: 'declined', note: WHY })
  const { client } = await knock(link)
  await call(`DELETE ${link}/request`, { user: client })
  const problem = await problemOf(await call(link, { user: client }))
  expect([problem.kind, 'note' in problem]).toEqual(['left', false])
  expect(await refusal(await call(link, { user: client }))).toEqual([403, 'left'])
})
