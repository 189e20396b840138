/**
 * What every store promises (`src/chat/store.ts`), as a list of checks. A store's own test file runs them all against
 * what its factory makes; `broken-stores.test.ts` runs them against stores with one promise broken each.
 */
import type { Store } from '../../src/chat/store.ts'
import { DOORS } from './contract/doors.ts'
import { ENDING } from './contract/ending.ts'
import { IDLING } from './contract/idling.ts'
import { POSTING } from './contract/posting.ts'
import { READING } from './contract/reading.ts'
import { WATCHING } from './contract/watching.ts'

export interface Limits {
  readonly maxChatBytes: number
  readonly maxStoreBytes: number
}

export const ROOMY: Limits = { maxChatBytes: 1_000_000, maxStoreBytes: 10_000_000 }

/** A fresh, empty store with these limits. */
type StoreFactory = (limits: Limits) => Store | Promise<Store>

interface Promised {
  readonly promise: string
  readonly run: (make: StoreFactory) => Promise<void>
}

export const CONTRACT: readonly Promised[] = [...DOORS, ...POSTING, ...READING, ...WATCHING, ...ENDING, ...IDLING].map(
  ({ promise, run }) => ({ promise, run: (make) => run(async (limits) => make({ ...ROOMY, ...limits })) })
)
