/** Tests the contract itself: it must catch every store that breaks one promise. */
import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { sharedPresence } from '../support/presence.ts'
import { BROKEN_DOORS } from './broken/doors.ts'
import { BROKEN_ENDING } from './broken/ending.ts'
import { BROKEN_HANDOVERS } from './broken/handovers.ts'
import { BROKEN_IDLING } from './broken/idling.ts'
import { BROKEN_POSTING } from './broken/posting.ts'
import { BROKEN_PRESENCE } from './broken/presence.ts'
import { BROKEN_READING } from './broken/reading.ts'
import { BROKEN_WATCHING } from './broken/watching.ts'
import { CONTRACT, type Limits } from './contract.ts'

const BROKEN = {
  ...BROKEN_DOORS,
  ...BROKEN_POSTING,
  ...BROKEN_READING,
  ...BROKEN_WATCHING,
  ...BROKEN_ENDING,
  ...BROKEN_IDLING,
  ...BROKEN_HANDOVERS,
  ...BROKEN_PRESENCE
}

async function brokenPromises(make: (limits: Limits) => Store): Promise<string[]> {
  const broken: string[] = []
  for (const { promise, run } of CONTRACT) {
    await run(make).catch(() => broken.push(promise))
  }
  return broken
}

describe('the contract catches a store that', () => {
  const caught = new Set<string>()

  it.each(Object.entries(BROKEN))('%s', async (name, breaking) => {
    const limitless = name === 'has no limit for a chat' && { maxChatBytes: Number.POSITIVE_INFINITY }
    const broken = await brokenPromises((limits) => {
      const sound = memoryStore({ ...limits, ...limitless })
      return { ...sound, ...breaking(sound, limits) }
    })
    for (const promise of broken) caught.add(promise)
    expect(broken).not.toEqual([])
  })

  it('breaks any promise: each promise catches at least one of these stores', () => {
    expect(CONTRACT.map(({ promise }) => promise).filter((promise) => !caught.has(promise))).toEqual([])
  })

  it('the contract accepts a correct store', async () => {
    expect(await brokenPromises(memoryStore)).toEqual([])
    const shared = (limits: Limits) => ({ ...memoryStore(limits), presence: sharedPresence()() })
    expect(await brokenPromises(shared)).toEqual([])
  })
})
