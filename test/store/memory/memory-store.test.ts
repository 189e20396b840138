import { describe, expect, it } from 'vitest'
import type { Door } from '../../../src/chat/door.ts'
import { postKey, tagOf } from '../../../src/chat/ids.ts'
import type { Store } from '../../../src/chat/store.ts'
import { memoryStore } from '../../../src/store/memory/memory-store.ts'
import { aDoor, aUser, withKnock, withLink } from '../../support/doors.ts'
import { CONTRACT, ROOMY } from '../contract.ts'

/** Makes chats until there is no more room. */
async function filled(store: Store): Promise<Door[]> {
  const doors: Door[] = []
  for (let { door } = aDoor(); (await store.create(door)) === 'created'; { door } = aDoor()) doors.push(door)
  return doors
}

/** A chat with all that takes room: a link, a request, messages, a key. */
async function aChatOfAll(store: Store): Promise<Door> {
  const { door } = aDoor()
  const tag = tagOf(door.chat)
  await store.create(door)
  const invited = withLink(door)
  const { door: knocked, request } = withKnock(invited.door, invited.link)
  await store.commit(tag, 1, knocked, [{ type: 'join_request', request }], 1)
  await store.append(tag, 0, { text: 'x'.repeat(500), createdAt: 2 }, postKey(aUser(), 'once'))
  await store.append(tag, 0, { text: 'again', createdAt: 3 })
  return knocked
}

describe('the memory store', () => {
  for (const { promise, run } of CONTRACT) it(promise, () => run(memoryStore))

  it('names idle chats also that nobody watches', async () => {
    const store = memoryStore(ROOMY)
    const { door } = aDoor(1)
    await store.create(door)
    expect([await store.idleChats(0, 0), await store.idleChats(0, 1)]).toEqual([[], [tagOf(door.chat)]])
  })

  it('makes no more chats than it has room for, and goes on with those it has', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 10_000 })
    const [door = aDoor().door, ...others] = await filled(store)
    expect(others.length).toBeGreaterThan(1)
    const invited = withLink(door)
    const knocked = withKnock(invited.door, invited.link)
    const events = [{ type: 'join_request' as const, request: knocked.request }]
    expect(await store.commit(tagOf(door.chat), 1, knocked.door, events, 0)).toMatchObject([{ id: 1 }])
  })

  it('counts links and join requests, too', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 20_000 })
    const { door } = aDoor()
    await store.create(door)
    const invited = withLink(door)
    let crowded = invited.door
    for (let count = 0; count < 20; count++) crowded = withKnock(crowded, invited.link).door
    await store.commit(tagOf(door.chat), 1, crowded, [], 0)
    expect(await store.create(aDoor().door)).toBe('store-full')
  })

  it('takes no more messages than it has room for, counts what it took, and logs nothing of what it refused', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 5000 })
    const { door } = aDoor()
    await store.create(door)
    const tag = tagOf(door.chat)
    const post = () => store.append(tag, 0, { text: 'x'.repeat(500), createdAt: 0 })
    const outcomes = []
    for (let count = 0; count < 12; count++) outcomes.push(await post())
    const taken = outcomes.filter((outcome) => typeof outcome === 'object').length
    expect(taken).toBeGreaterThan(3)
    expect(taken).toBeLessThan(10)
    expect(outcomes.slice(taken)).toEqual(Array(12 - taken).fill('store-full'))
    expect(await store.load(tag)).toMatchObject({ lastEventId: taken })
    expect(await store.create(aDoor().door)).toBe('store-full')
  })

  it('has room again for what was removed: for a chat, and for messages', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 20_000 })
    const posted = await aChatOfAll(store)
    const [door = aDoor().door] = await filled(store)
    const post = () => store.append(tagOf(door.chat), 0, { text: 'x'.repeat(2000), createdAt: 0 })
    expect(await post()).toBe('store-full')
    await store.remove(tagOf(posted.chat))
    expect(await post()).toMatchObject({ id: 1 })
    await store.remove(tagOf(door.chat))
    expect(await store.create(aDoor().door)).toBe('created')
  })

  it('has exactly as much room as before once all is removed, whatever it held and however it went', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 50_000 })
    const room = async () => {
      const doors = await filled(store)
      for (const { chat } of doors) await store.remove(tagOf(chat))
      return doors.length
    }
    const before = await room()
    for (let count = 0; count < 60; count++) {
      const { chat } = await aChatOfAll(store)
      expect(await store.remove(tagOf(chat), 2)).toBe(false)
      expect(await store.remove(tagOf(chat), 3)).toBe(true)
      expect(await store.remove(tagOf(chat))).toBe(false)
    }
    expect(await room()).toBe(before)
  })
})
