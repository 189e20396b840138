/** A member is removed while their stream is still catching up, because the reader or the store is slow. */
import { expect, it } from 'vitest'
import { readLinkId } from '../../../src/chat/ids.ts'
import { createService } from '../../../src/chat/service.ts'
import type { Store } from '../../../src/chat/store.ts'
import { call, createChatWithMember, decline, idIn, post } from '../../support/api.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

function aGate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

/** A server whose store holds the calls of a method until `release`. */
async function aHeldServer(method: 'events' | 'watch') {
  const [entered, released] = [aGate(), aGate()]
  const hold = async () => {
    entered.open()
    await released.opened
  }
  const wrap = (store: Store): Store =>
    method === 'events'
      ? { ...store, events: async (...args) => hold().then(() => store.events(...args)) }
      : { ...store, watch: async (...args) => hold().then(() => store.watch(...args)) }
  const server = await startServer({ wrap, env: { LOG_LEVEL: 'silent' } })
  return { server, entered: entered.opened, release: released.open }
}

const REMOVED = { event: 'closed', id: undefined, data: { reason: 'removed' } }

const UP_TO_THE_REMOVAL = [{ event: 'member_joined' }, { event: 'message', data: { text: 'before' } }, REMOVED]

it('a replay stops at the removal', async () => {
  const { server, entered, release } = await aHeldServer('events')
  const { chat, owner, link, member, requestId } = await createChatWithMember(server)
  await post(chat, owner, 'before')
  const stream = await openStream(`${chat}/events?last_event_id=0`, { user: member })
  await entered
  await decline(link, owner, requestId)
  await post(chat, owner, 'secret')
  release()
  expect(await stream.rest()).toMatchObject(UP_TO_THE_REMOVAL)
})

it('a replay stops at the removal, however many knocks follow', async () => {
  const { server, entered, release } = await aHeldServer('events')
  const { chat, owner, link, member, requestId } = await createChatWithMember(server)
  await post(chat, owner, 'before')
  const stream = await openStream(`${chat}/events?last_event_id=0`, { user: member })
  await entered
  await decline(link, owner, requestId)
  const service = createService({ store: server.store, now: () => server.clock.now, chatTtlMs: 0 })
  const id = readLinkId(idIn(link))
  if (id === undefined) throw new Error('no id')
  for (let count = 0; count < 510; count++) {
    const found = await service.exchange(id, undefined)
    if (found.is === 'guest') await service.leave(id, found.client)
  }
  await post(chat, owner, 'secret')
  release()
  expect(await stream.rest()).toMatchObject(UP_TO_THE_REMOVAL)
})

it('a cursor beyond the removal does not hide it', async () => {
  const { server, entered, release } = await aHeldServer('events')
  const { chat, owner, link, member, requestId } = await createChatWithMember(server)
  // Events 1 and 2 are the request and the approval; the removal will be 3.
  const stream = await openStream(`${chat}/events?last_event_id=3`, { user: member })
  await entered
  await decline(link, owner, requestId)
  release()
  await post(chat, owner, 'secret')
  const received = await stream.rest()
  expect(received.filter(({ event }) => event === 'message')).toEqual([])
  expect(received).toContainEqual(REMOVED)
})

it('a stream gets closed if the chat is closed while the stream opens', async () => {
  const { server, entered, release } = await aHeldServer('watch')
  const { chat, owner, member } = await createChatWithMember(server)
  const stream = await openStream(`${chat}/events`, { user: member })
  await entered
  await call(`DELETE ${chat}`, { user: owner })
  release()
  expect(await stream.rest()).toEqual([{ event: 'closed', id: undefined, data: { reason: 'chat_closed' } }])
})
