import type { Store } from '../../../src/chat/store.ts'
import type { Limits } from '../contract.ts'

/** What takes the place of a sound store's methods. */
export type Breaking = (store: Store, limits: Limits) => Partial<Store>
