/** A wrong clock removes no chat. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { tagOf } from '../../../src/chat/ids.ts'
import { createService } from '../../../src/chat/service.ts'
import { EvenClock } from '../../../src/store/file/even-clock.ts'
import { fileStore } from '../../../src/store/file/file-store.ts'
import { memoryDisk } from '../../support/disks.ts'
import { aDoor } from '../../support/doors.ts'
import { aChat, append, commitKnock, loaded } from '../contract/support.ts'

const SECOND = 1000
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Two clocks that run evenly, and jumps of the wall clock. */
function someClocks() {
  const state = { monotonic: 5000, wall: Date.UTC(2026, 10, 22, 12) }
  return {
    wall: () => state.wall,
    monotonic: () => state.monotonic,
    pass: (ms: number) => {
      state.wall += ms
      state.monotonic += ms
    },
    jump: (ms: number) => {
      state.wall += ms
    }
  }
}

describe('the clock', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function aClock() {
    const clocks = someClocks()
    const clock = new EvenClock(clocks)
    onTestFinished(() => clock.close())
    return { ...clocks, clock }
  }

  it('is trusted once both clocks have run evenly for an hour', () => {
    const { clock, pass } = aClock()
    pass(HOUR - 1)
    expect(clock.isEven()).toBe(false)
    pass(1)
    expect(clock.isEven()).toBe(true)
  })

  it.each([31 * DAY, -31 * DAY, 5001, -5001])('is not trusted for an hour after a jump by %i ms', (jump) => {
    const { clock, pass, jump: jumpBy } = aClock()
    pass(2 * HOUR)
    expect(clock.isEven()).toBe(true)
    jumpBy(jump)
    expect(clock.isEven()).toBe(false)
    pass(HOUR - 1)
    expect(clock.isEven()).toBe(false)
    pass(1)
    expect(clock.isEven()).toBe(true)
  })

  it('stays trusted while it is adjusted a little', () => {
    const { clock, pass, jump } = aClock()
    pass(2 * HOUR)
    for (const adjustment of [5000, -5000, 1000, 1000, 1000, 1000, 1000, 1000]) {
      jump(adjustment)
      expect(clock.isEven()).toBe(true)
      pass(SECOND)
    }
  })

  it('is looked at every few seconds, so that a jump there and back is noticed', () => {
    const { clock, pass, jump } = aClock()
    pass(2 * HOUR)
    expect(clock.isEven()).toBe(true)
    jump(31 * DAY)
    vi.advanceTimersByTime(5000)
    jump(-31 * DAY)
    expect(clock.isEven()).toBe(false)
    clock.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a file store', () => {
  const TTL = { chatTtlMs: 30 * DAY }

  /** A store with a used and an empty chat, and the service over it. */
  async function aService() {
    const clocks = someClocks()
    const store = fileStore(memoryDisk(), {
      maxChatBytes: 1_000_000,
      onFault: () => undefined,
      onBroken: () => undefined,
      clock: clocks
    })
    onTestFinished(() => store.close())
    const service = createService({ store, now: clocks.wall, ...TTL })
    const { chat, author } = await service.createChat()
    await service.postMessage(chat, author, 'hello')
    const empty = await service.createChat()
    return { ...clocks, store, service, chat, author, empty }
  }

  it('removes no idle chat before the clock is trusted, whoever asks, and answers as if it had', async () => {
    const { store, service, chat, author, empty, pass, jump } = await aService()
    pass(2 * HOUR)
    jump(31 * DAY)
    const tags = [tagOf(chat), tagOf(empty.chat)]
    for (let minute = 0; minute < 59; minute++) {
      await service.sweep()
      pass(60 * SECOND)
    }
    for (const tag of tags) expect(await service.applyDueExpiries(tag)).toBe(60_000)
    await expect(service.createLink(chat, author)).rejects.toMatchObject({ message: 'chat-not-found' })
    await expect(service.readMessages(chat, author, { after: 0 })).rejects.toMatchObject({ message: 'chat-not-found' })
    for (const tag of tags) expect(await store.load(tag)).toBeDefined()

    jump(-31 * DAY)
    expect((await service.readMessages(chat, author, { after: 0 })).first.count).toBe(1)
    jump(31 * DAY)
    pass(HOUR)
    await service.sweep()
    for (const tag of tags) expect(await store.load(tag)).toBeUndefined()
    for (const tag of tags) expect(await service.applyDueExpiries(tag)).toBeUndefined()
  })

  it('reads no chat in vain while the clock is not trusted', async () => {
    const { store, wall, pass, jump } = await aService()
    let loads = 0
    const load: typeof store.load = (tag) => {
      loads++
      return store.load(tag)
    }
    const service = createService({ store: { ...store, load }, now: wall, ...TTL })
    jump(31 * DAY)
    await service.sweep()
    expect(loads).toBe(0)
    pass(HOUR)
    await service.sweep()
    expect(loads).toBeGreaterThan(0)
  })

  it('removes none in the first hour, because nobody knows how right the clock was before', async () => {
    const { store, service, chat, jump, pass } = await aService()
    jump(31 * DAY)
    await service.sweep()
    expect(await store.load(tagOf(chat))).toBeDefined()
    pass(HOUR)
    await service.sweep()
    expect(await store.load(tagOf(chat))).toBeUndefined()
  })

  it('ends links on time also while the clock is not trusted', async () => {
    const { service, chat, author, pass } = await aService()
    const { link } = await service.createLink(chat, author, { expiresInSeconds: 60 })
    await service.exchange(link.id, undefined)
    pass(60 * SECOND)
    await expect(service.checkLink(link.id)).rejects.toMatchObject({ message: 'link-expired' })
    await service.applyDueExpiries(tagOf(chat))
    const [request] = (await service.joinRequests(chat, author)).requests
    expect(request).toMatchObject({ state: 'closed', reason: 'expired' })
  })

  it('does not take a chat for idle because it was used while the clock was behind', async () => {
    const { store } = await aService()
    const tag = await aChat(store, aDoor(31 * DAY).door)
    await append(store, tag, 'hello', DAY)
    await commitKnock(store, tag, { now: DAY })
    expect(await loaded(store, tag)).toMatchObject({ lastEventId: 2, idleSince: 31 * DAY })
  })
})
