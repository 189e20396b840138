/** How the page writes dates: with the year if it is not the present one. */

// Created once: creating a formatter takes longer than formatting a page of messages.
const DAY = new Intl.DateTimeFormat([], { weekday: 'long', day: 'numeric', month: 'long' })
const DAY_WITH_YEAR = new Intl.DateTimeFormat([], { day: 'numeric', month: 'long', year: 'numeric' })
const SHORT_DAY = new Intl.DateTimeFormat([], { day: 'numeric', month: 'short' })
const SHORT_DAY_WITH_YEAR = new Intl.DateTimeFormat([], { day: 'numeric', month: 'short', year: 'numeric' })

/** The day of a message, relative to now if it is near. */
export function wordsForDay(at: Date, now: Date): string {
  if (isSameDay(at, now)) return 'Today'
  if (isSameDay(at, new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return 'Yesterday'
  return (isSameYear(at, now) ? DAY : DAY_WITH_YEAR).format(at)
}

export function shortDay(at: Date, now: Date): string {
  return (isSameYear(at, now) ? SHORT_DAY : SHORT_DAY_WITH_YEAR).format(at)
}

export function isSameDay(one: Date, other: Date): boolean {
  return one.toDateString() === other.toDateString()
}

function isSameYear(one: Date, other: Date): boolean {
  return one.getFullYear() === other.getFullYear()
}
