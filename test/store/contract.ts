/**
 * The contract of every store (`src/chat/store.ts`) as a list of promises. The test file of each store runs all of them;
 * `broken-stores.test.ts` runs them on stores that break one promise each.
 */
import type { Store } from '../../src/chat/store.ts'
import { DOORS } from './contract/doors.ts'
import { ENDING } from './contract/ending.ts'
import { HANDOVERS } from './contract/handovers.ts'
import { IDLING } from './contract/idling.ts'
import { POSTING } from './contract/posting.ts'
import { PRESENCE } from './contract/presence.ts'
import { READING } from './contract/reading.ts'
import { WATCHING } from './contract/watching.ts'

export interface Limits {
  readonly maxChatBytes: number
  readonly maxStoreBytes: number
}

export const ROOMY: Limits = { maxChatBytes: 1_000_000, maxStoreBytes: 10_000_000 }

/** Creates an empty store with these limits. */
type StoreFactory = (limits: Limits) => Store | Promise<Store>

interface Checked {
  readonly promise: string
  readonly run: (make: StoreFactory) => Promise<void>
}

export const CONTRACT: readonly Checked[] = [
  ...DOORS,
  ...POSTING,
  ...READING,
  ...WATCHING,
  ...ENDING,
  ...IDLING,
  ...HANDOVERS,
  ...PRESENCE
].map(({ promise, run }) => ({ promise, run: (make) => run(async (limits) => make({ ...ROOMY, ...limits })) }))
