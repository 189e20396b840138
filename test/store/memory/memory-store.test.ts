import { describe, expect, it } from 'vitest'
import type { Door } from '../../../src/chat/door.ts'
import { newHandoverId, postKey, tagOf } from '../../../src/chat/ids.ts'
import type { Store } from '../../../src/chat/store.ts'
import { memoryStore } from '../../../src/store/memory/memory-store.ts'
import { aDoor, aUser, withKnock, withLink } from '../../support/doors.ts'
import { CONTRACT, ROOMY } from '../contract.ts'

/** Creates chats until the store is full. */
async function filled(store: Store): Promise<Door[]> {
  const doors: Door[] = []
  for (let { door } = aDoor(); (await store.create(door)) === 'created'; { door } = aDoor()) doors.push(door)
  return doors
}

/** A chat with everything that uses memory: a link, a request, messages, a key. */
async function aFullChat(store: Store): Promise<Door> {
  const { door } = aDoor()
  const tag = tagOf(door.chat)
  await store.create(door)
  const invited = withLink(door)
  const { door: knocked, request } = withKnock(invited.door, invited.link)
  await store.commit(tag, 1, knocked, [{ type: 'join_request', request }], 1)
  await store.append(tag, 0, { from: 'owner', text: 'x'.repeat(500), createdAt: 2 }, postKey(aUser(), 'once'))
  await store.append(tag, 0, { from: 'owner', text: 'again', createdAt: 3 })
  return knocked
}

describe('the memory store', () => {
  for (const { promise, run } of CONTRACT) it(promise, () => run(memoryStore))

  it('also finds idle chats that nobody watches', async () => {
    const store = memoryStore(ROOMY)
    const { door } = aDoor(1)
    await store.create(door)
    expect([await store.idleChats(0, 0), await store.idleChats(0, 1)]).toEqual([[], [tagOf(door.chat)]])
  })

  it('creates chats up to its limit, and still serves them when it is full', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 10_000 })
    const [door = aDoor().door, ...others] = await filled(store)
    expect(others.length).toBeGreaterThan(1)
    const invited = withLink(door)
    const knocked = withKnock(invited.door, invited.link)
    const events = [{ type: 'join_request' as const, request: knocked.request }]
    expect(await store.commit(tagOf(door.chat), 1, knocked.door, events, 0)).toMatchObject([{ id: 1 }])
  })

  it('counts links and join requests towards the limit', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 20_000 })
    const { door } = aDoor()
    await store.create(door)
    const invited = withLink(door)
    let crowded = invited.door
    for (let count = 0; count < 20; count++) crowded = withKnock(crowded, invited.link).door
    await store.commit(tagOf(door.chat), 1, crowded, [], 0)
    expect(await store.create(aDoor().door)).toBe('store-full')
  })

  it('accepts messages up to its limit, counts them, and does not log refused ones', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 5000 })
    const { door } = aDoor()
    await store.create(door)
    const tag = tagOf(door.chat)
    const post = () => store.append(tag, 0, { from: 'owner', text: 'x'.repeat(500), createdAt: 0 })
    const outcomes = []
    for (let count = 0; count < 12; count++) outcomes.push(await post())
    const accepted = outcomes.filter((outcome) => typeof outcome === 'object').length
    expect(accepted).toBeGreaterThan(3)
    expect(accepted).toBeLessThan(10)
    expect(outcomes.slice(accepted)).toEqual(Array(12 - accepted).fill('store-full'))
    expect(await store.load(tag)).toMatchObject({ lastEventId: accepted })
    expect(await store.create(aDoor().door)).toBe('store-full')
  })

  it('has room for chats and messages again after a removal', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 20_000 })
    const posted = await aFullChat(store)
    const [door = aDoor().door] = await filled(store)
    const post = () => store.append(tagOf(door.chat), 0, { from: 'owner', text: 'x'.repeat(2000), createdAt: 0 })
    expect(await post()).toBe('store-full')
    await store.remove(tagOf(posted.chat))
    expect(await post()).toMatchObject({ id: 1 })
    await store.remove(tagOf(door.chat))
    expect(await store.create(aDoor().door)).toBe('created')
  })

  it('counts handovers towards the limit, until they are taken or removed', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 20_000 })
    const put = (id = newHandoverId(), expiresAt = 10) =>
      store.handovers.put(id, { sealed: 'x'.repeat(16_384), createdAt: 0, expiresAt })
    const id = newHandoverId()
    expect([await put(id), await put()]).toEqual(['stored', 'store-full'])
    expect((await filled(store)).length).toBe(2)
    await store.handovers.take(id, 0)
    expect([await put(id), await put()]).toEqual(['stored', 'store-full'])
    await store.handovers.take(id, 10)
    expect(await put()).toBe('stored')
    await store.handovers.removeExpired(9)
    expect(await put()).toBe('store-full')
    await store.handovers.removeExpired(10)
    expect(await put()).toBe('stored')
  })

  it('has exactly as much room as before after everything is removed, in any way', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 50_000 })
    const capacity = async () => {
      const doors = await filled(store)
      for (const { chat } of doors) await store.remove(tagOf(chat))
      return doors.length
    }
    const before = await capacity()
    for (let count = 0; count < 60; count++) {
      const { chat } = await aFullChat(store)
      expect(await store.remove(tagOf(chat), 2)).toBe(false)
      expect(await store.remove(tagOf(chat), 3)).toBe(true)
      expect(await store.remove(tagOf(chat))).toBe(false)
    }
    expect(await capacity()).toBe(before)
  })
})
