/** Whether the owner of a chat is present, as the processes announce it: with fake timers. */
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { type ChatTag, newChatId, tagOf } from '../../src/chat/ids.ts'
import { type PresenceStore, StoreUnavailable } from '../../src/chat/store.ts'
import { OwnerPresence } from '../../src/streams/presence.ts'
import { sharedPresence } from '../support/presence.ts'

const SECOND = 1000
const REPEAT = 30 * SECOND

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const never = () => new Promise<never>(() => {})

const newTag = () => tagOf(newChatId())

/** One process, and the calls of its store: `announce` and `retract`. `wrap` stands between the two. */
function aProcess(
  store: PresenceStore = sharedPresence()(),
  wrap: (sound: PresenceStore) => Partial<PresenceStore> = () => ({})
) {
  const calls: string[] = []
  const faults: unknown[] = []
  const answering = { ...store, ...wrap(store) }
  const recorded: PresenceStore = {
    announce: (tag, forMs) => {
      calls.push('announce')
      return answering.announce(tag, forMs)
    },
    retract: (tag) => {
      calls.push('retract')
      return answering.retract(tag)
    },
    isAnnounced: (tag) => answering.isAnnounced(tag)
  }
  return { presence: new OwnerPresence(recorded, (fault) => faults.push(fault)), calls, faults }
}

function twoProcesses() {
  const next = sharedPresence()
  return [aProcess(next()), aProcess(next())] as const
}

/** What `presence` answers; `late` if it has not within this time. */
async function answerWithin(presence: OwnerPresence, tag: ChatTag, ms: number): Promise<boolean | 'late'> {
  let answer: boolean | 'late' = 'late'
  void presence.isPresent(tag).then((found) => {
    answer = found
  })
  await pass(ms)
  return answer
}

it('an owner is present here and elsewhere while a stream is open, in that chat alone', async () => {
  const [one, other] = twoProcesses()
  const [tag, unrelated] = [newTag(), newTag()]
  const seen = async () => [
    await one.presence.isPresent(tag),
    await other.presence.isPresent(tag),
    await one.presence.isPresent(unrelated),
    await other.presence.isPresent(unrelated)
  ]
  expect(await seen()).toEqual([false, false, false, false])
  const leave = one.presence.enter(tag)
  expect(await seen()).toEqual([true, true, false, false])
  leave()
  await pass(0)
  expect(await seen()).toEqual([false, false, false, false])
})

it('an owner is present until the last stream has closed, wherever it is', async () => {
  const [one, other] = twoProcesses()
  const tag = newTag()
  const leaves = [one.presence.enter(tag), one.presence.enter(tag), other.presence.enter(tag)]
  for (const leave of leaves) {
    expect([await one.presence.isPresent(tag), await other.presence.isPresent(tag)]).toEqual([true, true])
    leave()
    await pass(0)
  }
  expect([await one.presence.isPresent(tag), await other.presence.isPresent(tag)]).toEqual([false, false])
})

it('the store is written to when the first stream opens, every 30 s, and when the last one closes', async () => {
  const { presence, calls } = aProcess()
  const tag = newTag()
  const leaves = Array.from({ length: 16 }, () => presence.enter(tag))
  await pass(REPEAT - 1)
  expect(calls).toEqual(['announce'])
  await pass(1)
  expect(calls).toEqual(['announce', 'announce'])
  await pass(58 * REPEAT)
  expect(calls).toEqual(Array(60).fill('announce'))
  for (const leave of leaves) leave()
  await pass(10 * REPEAT)
  expect(calls.slice(60)).toEqual(['retract'])
  expect(vi.getTimerCount()).toBe(0)
})

it('an open stream is never missed by others, and a process that has died is forgotten after about half a minute', async () => {
  const next = sharedPresence()
  let isDead = false
  const one = aProcess(next(), (sound) => ({
    announce: async (...call) => (isDead ? undefined : sound.announce(...call))
  }))
  const other = aProcess(next())
  const tag = newTag()
  one.presence.enter(tag)
  for (let second = 0; second < 300; second++) {
    expect(await other.presence.isPresent(tag), `${second}`).toBe(true)
    await pass(SECOND)
  }
  isDead = true
  await pass(29 * SECOND)
  expect(await other.presence.isPresent(tag)).toBe(true)
  await pass(4 * SECOND)
  expect(await other.presence.isPresent(tag)).toBe(false)
})

it('a store that does not answer delays nobody for more than half a second, and nobody at all where a stream is open', async () => {
  const { presence } = aProcess(sharedPresence()(), () => ({ isAnnounced: never, announce: never }))
  const tag = newTag()
  expect(await answerWithin(presence, tag, 499)).toBe('late')
  expect(await answerWithin(presence, tag, 500)).toBe(false)
  presence.enter(tag)
  expect(await answerWithin(presence, tag, 0)).toBe(true)
})

it('a store that fails after that is no unhandled rejection', async () => {
  let fail = (_: Error) => {}
  const failing = new Promise<never>((_, reject) => {
    fail = reject
  })
  const { presence, faults } = aProcess(sharedPresence()(), () => ({ isAnnounced: () => failing }))
  expect(await answerWithin(presence, newTag(), 500)).toBe(false)
  fail(new StoreUnavailable('unreachable'))
  await pass(0)
  expect(faults).toEqual([])
})

it.each([
  ['is unavailable', new StoreUnavailable('unreachable'), 0],
  ['has a fault', new Error('broken'), 1]
])('a store that %s fails no answer and no stream', async (_, error, reports) => {
  const fail = () => Promise.reject(error)
  const { presence, faults } = aProcess(sharedPresence()(), () => ({
    announce: fail,
    retract: fail,
    isAnnounced: fail
  }))
  const tag = newTag()
  expect(await presence.isPresent(tag)).toBe(false)
  expect(faults).toEqual(Array(reports).fill(error))
  const leave = presence.enter(tag)
  expect(await presence.isPresent(tag)).toBe(true)
  await pass(0)
  leave()
  await pass(0)
  expect(faults).toEqual(Array(3 * reports).fill(error))
  expect(vi.getTimerCount()).toBe(0)
})

it('what the store could not take is repeated 30 s later', async () => {
  const next = sharedPresence()
  let isDown = true
  const one = aProcess(next(), (sound) => ({
    announce: async (...call) => {
      if (isDown) throw new StoreUnavailable('unreachable')
      await sound.announce(...call)
    }
  }))
  const other = aProcess(next())
  const tag = newTag()
  one.presence.enter(tag)
  await pass(REPEAT - 1)
  isDown = false
  expect(await other.presence.isPresent(tag)).toBe(false)
  await pass(1)
  expect(await other.presence.isPresent(tag)).toBe(true)
})

it('a slow store gets one call after the other, and only the last of what has changed meanwhile', async () => {
  const next = sharedPresence()
  const slowly = (work: () => Promise<void>) => new Promise<void>((done) => setTimeout(() => done(work()), SECOND))
  const one = aProcess(next(), (sound) => ({
    announce: (...call) => slowly(() => sound.announce(...call)),
    retract: (...call) => slowly(() => sound.retract(...call))
  }))
  const other = aProcess(next())
  const tag = newTag()
  for (let count = 0; count < 5; count++) one.presence.enter(tag)()
  expect(one.calls).toEqual(['announce'])
  await pass(SECOND)
  expect(one.calls).toEqual(['announce', 'retract'])
  const leave = one.presence.enter(tag)
  leave()
  one.presence.enter(tag)
  await pass(2 * SECOND)
  expect(one.calls).toEqual(['announce', 'retract', 'announce'])
  expect(await other.presence.isPresent(tag)).toBe(true)
})

it('closing waits for updates of the store in progress, but not for a store that does not answer', async () => {
  const [one, other] = twoProcesses()
  const tag = newTag()
  one.presence.enter(tag)()
  await one.presence.close()
  expect(one.calls).toEqual(['announce', 'retract'])
  expect(await other.presence.isPresent(tag)).toBe(false)
  const stuck = aProcess(sharedPresence()(), () => ({ announce: never }))
  stuck.presence.enter(tag)()
  let isClosed = false
  void stuck.presence.close().then(() => {
    isClosed = true
  })
  await pass(499)
  expect(isClosed).toBe(false)
  await pass(1)
  expect(isClosed).toBe(true)
})

it('without other processes, there is nothing to wait for and no timer', async () => {
  const presence = new OwnerPresence(undefined, () => {})
  const tag = newTag()
  expect(await presence.isPresent(tag)).toBe(false)
  const leave = presence.enter(tag)
  expect(await presence.isPresent(tag)).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
  leave()
  expect(await presence.isPresent(tag)).toBe(false)
  await presence.close()
})
