/** How the page writes dates. */
import { describe, expect, it } from 'vitest'
import { shortDay, wordsForDay } from '../../src/web/state/days.ts'

const at = (year: number, month: number, day: number, hour = 12): Date => new Date(year, month - 1, day, hour)

describe('the day of a message', () => {
  it.each([
    ['Today', at(2026, 11, 30, 0), at(2026, 11, 30, 23)],
    ['Yesterday', at(2026, 11, 29, 0), at(2026, 11, 30, 23)],
    ['Yesterday', at(2025, 12, 31, 23), at(2026, 1, 1, 0)]
  ])('is %s if it is that near', (words, day, now) => {
    expect(wordsForDay(day, now)).toBe(words)
  })

  it('is a date with the year if it is not the present one', () => {
    const now = at(2026, 11, 30, 0)
    expect(wordsForDay(at(2025, 11, 30), now)).toContain('2025')
    for (const day of [at(2026, 1, 1), at(2026, 11, 28, 23), at(2026, 12, 1)]) {
      expect(wordsForDay(day, now)).toContain(`${day.getDate()}`)
      expect(wordsForDay(day, now)).not.toContain('2026')
    }
  })
})

it('a day in a list has the year if it is not the present one', () => {
  expect(shortDay(at(2026, 1, 1), at(2026, 11, 30))).not.toContain('2026')
  expect(shortDay(at(2025, 12, 31), at(2026, 1, 1))).toContain('2025')
})
