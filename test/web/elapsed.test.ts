import { expect, it } from 'vitest'
import { elapsed } from '../../src/web/state/elapsed.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

it.each([
  [-HOUR, 'just now'],
  [59 * SECOND, 'just now'],
  [MINUTE, '1 minute ago'],
  [2 * MINUTE, '2 minutes ago'],
  [HOUR - 1, '59 minutes ago'],
  [HOUR, '1 hour ago'],
  [24 * HOUR - 1, '23 hours ago'],
  [24 * HOUR, '1 day ago'],
  [72 * HOUR, '3 days ago']
])('%i ms are %s', (ms, words) => {
  expect(elapsed(ms)).toBe(words)
})
