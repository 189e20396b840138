import { expect, it } from 'vitest'
import { BLOCK_MS, isEnded } from '../../src/chat/door.ts'
import { newUserId, tagOf } from '../../src/chat/ids.ts'
import { createService } from '../../src/chat/service.ts'
import { DoorStats } from '../../src/chat/stats.ts'
import { type Store, StoreUnavailable } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'
import { slowStore } from '../support/slow-store.ts'

/** A service whose store is so slow that commits usually conflict. */
async function aServiceWithConflicts() {
  let turn = 0
  const store = slowStore(memoryStore(ROOMY), () => ++turn % 4)
  const service = createService({ store, now: () => 0, chatTtlMs: 0 })
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author)
  return { service, chat, author, link: link.id }
}

it('a conflicting commit is retried, so that no request, approval or link is lost', async () => {
  const { service, chat, author, link } = await aServiceWithConflicts()
  const guests = await Promise.all(Array.from({ length: 12 }, () => service.exchange(link, undefined)))
  const ids = guests.flatMap((guest) => (guest.is === 'guest' ? [guest.request.id] : []))
  expect(new Set(ids).size).toBe(12)
  await Promise.all([
    ...ids.map((id) => service.decide(link, author, id, 'approve')),
    ...Array.from({ length: 5 }, () => service.createLink(chat, author))
  ])
  const { requests, lastEventId } = await service.joinRequests(chat, author)
  expect(requests.map(({ state }) => state)).toEqual(Array(12).fill('approved'))
  expect(lastEventId).toBe(24)
})

it('the limits hold for simultaneous requests, too', async () => {
  const { service, chat, link } = await aServiceWithConflicts()
  const knocks = await Promise.allSettled(Array.from({ length: 110 }, () => service.exchange(link, undefined)))
  expect(knocks.filter(({ status }) => status === 'fulfilled')).toHaveLength(100)
  const links = await Promise.allSettled(Array.from({ length: 25 }, () => service.createLink(chat, newUserId())))
  expect(links.filter(({ status }) => status === 'fulfilled')).toHaveLength(20)
})

it('a sweep closes and counts idle chats, and no chat that was used meanwhile', async () => {
  let clock = 0
  const store = memoryStore(ROOMY)
  const stats = new DoorStats()
  const service = createService({ store, now: () => clock, chatTtlMs: 1000, stats })
  const chats = await Promise.all([service.createChat(), service.createChat()])
  const [idle, used] = chats
  if (idle === undefined || used === undefined) throw new Error('no chats')
  clock = 999
  await service.postMessage(used.chat, used.author, 'hello')
  await service.sweep()
  expect(await store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)).toHaveLength(2)
  clock = 1000
  expect(stats.chatsEnded).toBe(0)
  await service.sweep()
  expect(stats.chatsEnded).toBe(1)
  expect(await store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)).toHaveLength(1)
  expect((await service.readMessages(used.chat, used.author, {})).first.upTo).toBe(1)
})

it('a sweep neither loads nor removes idle chats that the store cannot remove yet', async () => {
  let clock = 0
  let canRemove = false
  let loads = 0
  const memory = memoryStore(ROOMY)
  const store = {
    ...memory,
    canRemoveIdle: () => canRemove,
    load: (...call: Parameters<typeof memory.load>) => {
      loads++
      return memory.load(...call)
    }
  }
  const service = createService({ store, now: () => clock, chatTtlMs: 1000 })
  await service.createChat()
  const left = async () => (await store.idleChats(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)).length
  clock = 1000
  await service.sweep()
  expect([loads, await left()]).toEqual([0, 1])
  canRemove = true
  await service.sweep()
  expect([loads, await left()]).toEqual([1, 0])
})

it('commits what only takes rights away as a withdrawal, for which a full store keeps room, and nothing else', async () => {
  let clock = 0
  const commits: boolean[] = []
  const memory = memoryStore(ROOMY)
  const store = {
    ...memory,
    commit: (...call: Parameters<typeof memory.commit>) => {
      commits.push(call[5]?.isWithdrawal === true)
      return memory.commit(...call)
    }
  }
  const service = createService({ store, now: () => clock, chatTtlMs: 0 })
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author, { expiresInSeconds: 1 })
  const { link: revoked } = await service.createLink(chat, author)
  const guests = [await service.exchange(link.id, undefined), await service.exchange(revoked.id, undefined)]
  expect(commits.splice(0)).toEqual([false, false, false, false])
  const [first, second] = guests.flatMap((guest) => (guest.is === 'guest' ? [guest] : []))
  await service.decide(link.id, author, first?.request.id, 'approve')
  const waiting = await service.exchange(revoked.id, undefined, { name: null, waits: true })
  if (waiting.is === 'guest') await service.extendKnock(revoked.id, waiting.client)
  expect(commits.splice(0)).toEqual([false, false, false])
  await service.changeProfile(chat, author, { title: 'a title' })
  expect(commits.splice(0)).toEqual([false])
  await Promise.all([
    service.createLink(chat, author),
    service.createLink(chat, author),
    service.decide(revoked.id, author, second?.request.id, 'decline')
  ])
  expect(commits.splice(0)).toEqual([false, false, true])
  await service.revokeLink(revoked.id, author)
  clock = 1000
  await service.applyDueExpiries(tagOf(chat))
  expect(commits.splice(0)).toEqual([true, true])
  await service.applyDueExpiries(tagOf(chat))
  expect(commits).toEqual([])
})

it('where a guest asked from is removed from the store with the first change a day after the end', async () => {
  let clock = 0
  const store = memoryStore(ROOMY)
  const service = createService({ store, now: () => clock, chatTtlMs: 0 })
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author)
  const network = { name: '192.0.2.1', isSure: true }
  const guest = await service.exchange(link.id, undefined, { name: null, network })
  if (guest.is !== 'guest') throw new Error('no guest')
  await service.decide(link.id, author, guest.request.id, 'decline')
  const kept = async () => {
    const door = (await store.load(tagOf(chat)))?.door
    return [...(door?.requests.values() ?? [])].map((request) => [isEnded(request), request.network !== undefined])
  }
  clock = BLOCK_MS - 1
  await service.createLink(chat, author)
  expect(await kept()).toEqual([[true, true]])
  clock = BLOCK_MS
  await service.applyDueExpiries(tagOf(chat))
  expect(await kept()).toEqual([[true, false]])
})

it('a block is stored like a withdrawal, which a full store accepts, and enforced at once where it cannot be stored', async () => {
  const real = memoryStore(ROOMY)
  let isReadOnly = false
  const commits: unknown[] = []
  const store: Store = {
    ...real,
    commit: (...all) => {
      commits.push(all[5])
      return isReadOnly ? Promise.reject(new StoreUnavailable('full')) : real.commit(...all)
    }
  }
  const service = createService({ store, now: () => 0, chatTtlMs: 0 })
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author)
  const network = { name: '192.0.2.1', isSure: true }
  const guest = await service.exchange(link.id, undefined, { name: null, network })
  if (guest.is !== 'guest') throw new Error('no guest')
  const decline = (block: boolean) => service.decide(link.id, author, guest.request.id, 'decline', { block })
  await decline(false)
  isReadOnly = true
  await expect(decline(true)).rejects.toThrow('not-stored')
  expect(commits.at(-1)).toEqual({ isWithdrawal: true })
  await expect(service.checkLink(link.id, network)).rejects.toThrow('blocked')
  isReadOnly = false
  await decline(true)
  // Again, for another day.
  await decline(true)
  expect(commits.slice(-2)).toEqual([{ isWithdrawal: true }, { isWithdrawal: true }])
  await service.close()
  await expect(service.checkLink(link.id, network)).rejects.toThrow('blocked')
  expect((await real.load(tagOf(chat)))?.door.links).toMatchObject([{ blocks: [{ request: guest.request.id }] }])
})
