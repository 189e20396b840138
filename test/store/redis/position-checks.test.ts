/** How often the positions of followed chats are checked. */
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { type ChatTag, chatTag } from '../../../src/chat/ids.ts'
import { PositionChecks } from '../../../src/store/redis/position-checks.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Checks of this many chats: which were checked, and when. */
function checksOf(count: number, check: (tag: ChatTag) => boolean = () => true) {
  const done: { tag: ChatTag; at: number }[] = []
  const checks = new PositionChecks(async (tag) => {
    done.push({ tag, at: performance.now() })
    return check(tag)
  })
  onTestFinished(() => checks.close())
  const tags = Array.from({ length: count }, (_, index) => chatTag(`tag${index}`))
  for (const tag of tags) checks.add(tag)
  return { checks, done, tags, distinct: () => new Set(done.map(({ tag }) => tag)).size }
}

/** The most checks within any second. */
function mostPerSecond(done: readonly { at: number }[]): number {
  return Math.max(...done.map(({ at }) => done.filter((other) => other.at >= at && other.at < at + 1000).length))
}

it('each of many chats is checked within five minutes, and none much more often', async () => {
  const { done, distinct } = checksOf(20_000)
  await vi.advanceTimersByTimeAsync(300_000)
  expect(distinct()).toBe(20_000)
  expect(done.length).toBeLessThan(30_000)
})

it('few chats are checked within seconds, but each at most once in five', async () => {
  const { done, distinct } = checksOf(3)
  await vi.advanceTimersByTimeAsync(11_000)
  expect(distinct()).toBe(3)
  expect(done).toHaveLength(6)
})

it('after a reconnect all chats are checked at once, at most 200 a second', async () => {
  const { checks, done, distinct } = checksOf(1000)
  await vi.advanceTimersByTimeAsync(1000)
  done.length = 0
  checks.checkAllSoon()
  await vi.advanceTimersByTimeAsync(5100)
  expect(distinct()).toBe(1000)
  expect(mostPerSecond(done)).toBeLessThanOrEqual(200)
})

it('even 100,000 chats are checked at most 200 a second', async () => {
  const { checks, done } = checksOf(100_000)
  checks.checkAllSoon()
  await vi.advanceTimersByTimeAsync(5000)
  expect(done.length).toBeGreaterThan(900)
  expect(mostPerSecond(done)).toBeLessThanOrEqual(200)
})

it('checks that are due soon and those in turn share the limit', async () => {
  const { checks, done, tags } = checksOf(50_000)
  await vi.advanceTimersByTimeAsync(6000)
  for (const tag of tags.slice(-1000)) checks.checkSoon(tag)
  await vi.advanceTimersByTimeAsync(3000)
  expect(done.length).toBeGreaterThan(600)
  expect(mostPerSecond(done)).toBeLessThanOrEqual(200)
})

it('one chat is checked soon, and again if the check fails', async () => {
  let failures = 2
  const { checks, done, tags } = checksOf(5000, (tag) => tag !== tags[4999] || failures-- <= 0)
  const [last] = tags.slice(-1)
  if (last === undefined) throw new Error()
  checks.checkSoon(last)
  await vi.advanceTimersByTimeAsync(200)
  expect(done.filter(({ tag }) => tag === last)).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(done.filter(({ tag }) => tag === last)).toHaveLength(3)
})

it('a chat that is no longer followed is not checked', async () => {
  const { checks, done, tags } = checksOf(2)
  checks.checkAllSoon()
  for (const tag of tags) checks.remove(tag)
  for (const tag of tags) checks.checkSoon(tag)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(done).toEqual([])
})
