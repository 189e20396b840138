import { describe, it } from 'vitest'
import { aFolder, opened } from '../../support/file-store.ts'
import { CONTRACT } from '../contract.ts'

describe('the file store', () => {
  for (const { promise, run } of CONTRACT) it(promise, () => run((limits) => opened(aFolder(), limits)))
})
