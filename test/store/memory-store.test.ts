import { describe, expect, it } from 'vitest'
import { tagOf } from '../../src/ids.ts'
import { memoryStore } from '../../src/store/memory-store.ts'
import { aDoor, withKnock, withLink } from '../support/doors.ts'
import { CONTRACT, ROOMY } from './contract.ts'

describe('the memory store', () => {
  for (const { promise, run } of CONTRACT) it(promise, () => run(memoryStore))

  it('makes no more chats than it has room for, and goes on with those it has', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 10_000 })
    const doors = Array.from({ length: 20 }, () => aDoor().door)
    const outcomes = []
    for (const door of doors) outcomes.push(await store.create(door))
    expect(new Set(outcomes)).toEqual(new Set(['created', 'store-full']))
    const [door = aDoor().door] = doors
    const invited = withLink(door)
    const knocked = withKnock(invited.door, invited.link)
    const events = [{ type: 'join_request' as const, request: knocked.request }]
    expect(await store.commit(tagOf(door.chat), 1, knocked.door, events)).toMatchObject([{ id: 1 }])
  })

  it('counts links and join requests, too', async () => {
    const store = memoryStore({ ...ROOMY, maxStoreBytes: 20_000 })
    const { door } = aDoor()
    await store.create(door)
    const invited = withLink(door)
    let crowded = invited.door
    for (let count = 0; count < 20; count++) crowded = withKnock(crowded, invited.link).door
    await store.commit(tagOf(door.chat), 1, crowded, [])
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
})
