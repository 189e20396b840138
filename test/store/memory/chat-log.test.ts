/** Compares the log with a naive one, a plain list of all events, for random queries. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoggedEvent } from '../../../src/chat/events.ts'
import type { EventsPage, MessagesPage } from '../../../src/chat/store.ts'
import { ChatLog } from '../../../src/store/memory/chat-log.ts'
import { anInvitedDoor, withKnock, withMember } from '../../support/doors.ts'

const MAX_JOINS = 1000
/** The approximate size of a join event in a page. */
const JOIN_BYTES = { min: 300, max: 800 }

const { door, link } = anInvitedDoor()
const KNOCK = { type: 'join_request', request: withKnock(door, link).request } as const
/** Never forgotten. */
const ADMISSION = { type: 'join_approved', request: withMember(door, link).request } as const

/** A number of join events, every third of them an admission, or messages with these texts. */
type Logged = number | readonly string[]

const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const short = fc.array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.array(text, { maxLength: 6 })), { maxLength: 20 })
/** Often more knocks than the log keeps. */
const long = fc.array(
  fc.oneof(fc.integer({ min: 200, max: 900 }), fc.nat(3), fc.array(text, { minLength: 1, maxLength: 4 })),
  { minLength: 4, maxLength: 8, size: 'max' }
)

/** Up to a megabyte, which is several chunks. */
const large = fc.array(
  fc.integer({ min: 1, max: 4000 }).map((length) => ['ö'.repeat(length)]),
  {
    minLength: 100,
    maxLength: 200,
    size: 'max'
  }
)

/** An event id near the beginning, near the end or in between, or an invalid one. */
type Place = readonly [share: number, offset: number]
const places: fc.Arbitrary<Place> = fc.tuple(fc.constantFrom(0, 1, 0.5, 0.9), fc.integer({ min: -6, max: 6 }))
const placeIn = ([share, offset]: Place, last: number) => Math.round(share * last) + offset

function filled(parts: readonly Logged[]): { log: ChatLog; all: LoggedEvent[] } {
  const log = new ChatLog()
  const all: LoggedEvent[] = []
  const add = (event: LoggedEvent | undefined) => {
    if (event === undefined) throw new Error('there is room')
    all.push(event)
  }
  for (const part of parts) {
    if (typeof part !== 'number')
      for (const text of part) add(log.addMessage({ from: 'owner', text, createdAt: 0 }, 1e9))
    else for (let count = 0; count < part; count++) add(log.addDoorEvent(count % 3 === 2 ? ADMISSION : KNOCK))
  }
  return { log, all }
}

/** One line per event: comparing strings is much faster than comparing thousands of objects. */
const lines = (events: readonly LoggedEvent[] | undefined) =>
  events?.map((event) => `${event.id} ${event.type === 'message' ? event.json : event.type}`).join('\n')

/** What `eventsAfter` returns without a limit. */
function naiveEvents(all: readonly LoggedEvent[], after: number, page: EventsPage): LoggedEvent[] | undefined {
  const { allJoins, upTo = all.length } = page
  const newestForgotten = all.filter(({ type }) => type === KNOCK.type).at(-MAX_JOINS - 1)?.id ?? 0
  if (after < 0 || after > upTo || (allJoins && after < newestForgotten)) return undefined
  return all.slice(0, upTo).filter(({ id, type }) => id > after && (type !== KNOCK.type || id > newestForgotten))
}

/** The size of a page, with an estimate for its join events. */
const sizeOf = (events: readonly LoggedEvent[], joinBytes: number) =>
  events.reduce((sum, event) => sum + (event.type === 'message' ? Buffer.byteLength(event.json) : joinBytes), 0)

function checkEvents({ log, all }: ReturnType<typeof filled>, after: number, wanted: EventsPage): void {
  const { maxBytes } = wanted
  const found = log.eventsAfter(after, wanted)
  const expected = naiveEvents(all, after, wanted)
  const page = expected?.slice(0, found?.length)
  expect(lines(found)).toBe(lines(page))
  if (expected === undefined || page === undefined || expected.length === 0) return
  expect(page.length).toBeGreaterThan(0)
  if (page.length > 1) expect(sizeOf(page, JOIN_BYTES.min)).toBeLessThanOrEqual(maxBytes)
  if (page.length === expected.length) return
  expect(sizeOf(expected.slice(0, page.length + 1), JOIN_BYTES.max)).toBeGreaterThan(maxBytes)
}

function checkMessages({ log, all }: ReturnType<typeof filled>, after: number, page: MessagesPage): void {
  const { limit = all.length, upTo = all.length, maxBytes } = page
  const found = log.messages({ after }, page)
  if (after < 0 || after > all.length || after > upTo) {
    expect(found).toBeUndefined()
    return
  }
  const messages = all.slice(after, upTo).flatMap((event) => (event.type === 'message' ? [event] : []))
  const sizes = messages.map((_, index) =>
    Buffer.byteLength(
      messages
        .slice(0, index + 1)
        .map(({ json }) => json)
        .join()
    )
  )
  const fitting = sizes.filter((size) => size + 1 <= maxBytes).length
  const expected = messages.slice(0, Math.min(limit, Math.max(1, fitting)))
  const hasMore = expected.length < messages.length
  expect(Buffer.concat(found?.json ?? []).toString()).toBe(expected.map(({ json }) => json).join(','))
  expect(found).toMatchObject({ hasMore, count: expected.length, upTo: hasMore ? expected.at(-1)?.id : upTo })
}

interface Query extends Omit<EventsPage, 'upTo'> {
  readonly after: Place
  readonly upTo: Place | undefined
  readonly limit: number | undefined
}

const queries: fc.Arbitrary<Query[]> = fc.array(
  fc.record({
    after: places,
    upTo: fc.option(places, { nil: undefined }),
    limit: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    maxBytes: fc.oneof(fc.nat(2000), fc.constant(Number.POSITIVE_INFINITY)),
    allJoins: fc.boolean()
  }),
  { minLength: 8, maxLength: 16 }
)

function checkLog(parts: readonly Logged[], wanted: readonly Query[]): void {
  const filledLog = filled(parts)
  const last = filledLog.all.length
  expect(filledLog.log.lastEventId).toBe(last)
  for (const query of wanted) {
    const after = placeIn(query.after, last)
    const upTo = query.upTo && Math.max(0, Math.min(last, placeIn(query.upTo, last)))
    checkEvents(filledLog, after, { ...query, upTo })
    checkMessages(filledLog, after, { limit: query.limit, upTo, maxBytes: query.maxBytes })
  }
}

describe('the log of a chat', () => {
  it('answers like a plain list of its events', () => {
    fc.assert(fc.property(short, queries, checkLog), { numRuns: 100 })
  })

  it('answers like a plain list after it has deleted join events', () => {
    fc.assert(fc.property(long, queries, checkLog), { numRuns: 60 })
  })

  it('answers like a plain list when its messages are in several chunks', () => {
    fc.assert(fc.property(large, queries, checkLog), { numRuns: 15 })
  })

  it('numbers its events from 1, without a gap', () => {
    const check = fc.property(short, (parts) => {
      const { all } = filled(parts)
      expect(all.map(({ id }) => id)).toEqual(all.map((_, index) => index + 1))
    })
    fc.assert(check, { numRuns: 30 })
  })

  it('returns each message by its event id, as it was logged', () => {
    const check = fc.property(short, (parts) => {
      const { log, all } = filled(parts)
      for (const event of all) if (event.type === 'message') expect(log.messageJson(event.id)).toBe(event.json)
    })
    fc.assert(check, { numRuns: 30 })
  })

  it('accepts messages up to exactly the limit', () => {
    const log = new ChatLog()
    const bytes = (log.addMessage({ from: 'owner', text: 'ö', createdAt: 0 }, 1e9)?.json.length ?? 0) + 2
    expect(log.messageBytes).toBe(bytes)
    expect(log.addMessage({ from: 'owner', text: 'ö', createdAt: 0 }, 2 * bytes - 1)).toBeUndefined()
    expect(log.addMessage({ from: 'owner', text: 'ö', createdAt: 0 }, 2 * bytes)).toMatchObject({ id: 2 })
  })
})
