/** A wait for the owner's decision while the store cannot be reached. */
import { expect, it, onTestFinished, vi } from 'vitest'
import { createService } from '../../src/chat/service.ts'
import { StoreUnavailable } from '../../src/chat/store.ts'
import { type Wait, waitForDecision } from '../../src/chat/waiting.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { ROOMY } from '../store/contract.ts'

const away = new StoreUnavailable('unreachable')
const fault = new TypeError('lost')

async function aKnock() {
  const service = createService({ store: memoryStore(ROOMY), now: () => 0, chatTtlMs: 0 })
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author)
  const knocked = await service.exchange(link.id, undefined)
  if (knocked.is !== 'guest') throw new Error('this is no guest')
  const waitAs = (hasJustKnocked: boolean, wait: Wait) =>
    waitForDecision({ service, wait }, knocked, { seconds: 60, gone: new AbortController().signal, hasJustKnocked })
  return { service, knocked, waitAs }
}

it('is no error for a guest who has just knocked, and must learn their client id', async () => {
  const { knocked, waitAs } = await aKnock()
  expect(await waitAs(true, () => Promise.reject(away))).toBe(knocked)
  expect(knocked.request.state).toBe('pending')
})

it.each([
  ['a guest who has returned', false, away],
  ['a guest who has just knocked, if something else is wrong', true, fault],
  ['a guest who has returned, if something else is wrong', false, fault]
])('is an error for %s', async (_who, hasJustKnocked, error) => {
  const { waitAs } = await aKnock()
  await expect(waitAs(hasJustKnocked, () => Promise.reject(error))).rejects.toBe(error)
})

it.each([
  [true, 2],
  [false, 0]
])(
  'a guest who has just knocked (%s) keeps the request from being withdrawn for as long as they wait',
  async (hasJustKnocked, times) => {
    const { service, waitAs } = await aKnock()
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const extend = vi.spyOn(service, 'extendKnock').mockRejectedValue(away)
    await waitAs(hasJustKnocked, async () => void (await vi.advanceTimersByTimeAsync(89_999)))
    await vi.advanceTimersByTimeAsync(300_000)
    expect(extend).toHaveBeenCalledTimes(times)
  }
)
