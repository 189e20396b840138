/** Names stored by older versions, which accepted invisible ones, are shown unchanged. */
import { expect, it } from 'vitest'
import { knock } from '../../../src/chat/changes.ts'
import { digestOf, newRequestId, newUserId, readChatId, tagOf } from '../../../src/chat/ids.ts'
import { joinRequests } from '../../../src/wire/schemas/join-requests.ts'
import { call, createChat, createLink, idIn } from '../../support/api.ts'
import { changed } from '../../support/doors.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

it('an old name is the same in lists and streams, and breaks no line', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  await createLink(chat, owner)
  const id = readChatId(idIn(chat))
  const tag = id && tagOf(id)
  const loaded = tag && (await server.store.load(tag))
  const link = loaded?.door.links[0]
  if (tag === undefined || loaded === undefined || link === undefined) throw new Error('the chat is not there')
  const name = 'A\u2028n\u2029a\u0085\u200b\u3164'
  const guest = digestOf(newUserId())
  const asked = { id: newRequestId(), link: link.id, guest, name, requestedAt: server.clock.now }
  const { door, events } = changed(knock(loaded.door, asked))
  await server.store.commit(tag, loaded.version, door, events, server.clock.now)

  const list = await (await call(`${chat}/join-requests`, { user: owner })).text()
  expect(list).not.toMatch(/[\u0085\u2028\u2029]/)
  expect(joinRequests.parse(JSON.parse(list)).join_requests).toMatchObject([{ name }])
  const stream = await openStream(`${chat}/events`, { user: owner })
  expect(await stream.next()).toMatchObject({ event: 'join_request', data: { name } })
})
