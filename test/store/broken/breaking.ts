import type { Store } from '../../../src/chat/store.ts'
import type { Limits } from '../contract.ts'

/** Replaces methods of a correct store. */
export type Breaking = (store: Store, limits: Limits) => Partial<Store>
