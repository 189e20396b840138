import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoggedEvent } from '../../src/chat/events.ts'
import { ChatLog } from '../../src/store/chat-log.ts'
import { aDoor, withKnock, withLink } from '../support/doors.ts'

const { door, owner } = aDoor()
const { request } = (() => {
  const invited = withLink(door, owner)
  return withKnock(invited.door, invited.link)
})()

/** `null` is a join event, anything else the text of a message. */
const entries = fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 300 }), { freq: 4 }), { maxLength: 40 })

function filled(texts: readonly (string | null)[]): { log: ChatLog; all: LoggedEvent[] } {
  const log = new ChatLog()
  const all: LoggedEvent[] = []
  for (const text of texts) {
    const event =
      text === null ? log.addJoin({ type: 'join_request', request }) : log.addMessage({ text, createdAt: 0 }, 1e9)
    if (event !== undefined) all.push(event)
  }
  return { log, all }
}

describe('the log of a chat', () => {
  it('gives back every event after every cursor as it was added', () => {
    fc.assert(
      fc.property(entries, (texts) => {
        const { log, all } = filled(texts)
        expect(all.map(({ id }) => id)).toEqual(texts.map((_, index) => index + 1))
        for (let after = 0; after <= all.length; after++) {
          expect(log.eventsAfter(after, Number.POSITIVE_INFINITY)).toEqual(all.slice(after))
        }
        expect(log.eventsAfter(all.length + 1, 1)).toBeUndefined()
      })
    )
  })

  it('pages messages like a slice of a plain list', () => {
    fc.assert(
      fc.property(entries, fc.nat(45), fc.nat(10), (texts, after, limit) => {
        const { log, all } = filled(texts)
        const page = log.messagesAfter(after, limit + 1)
        if (after > all.length) {
          expect(page).toBeUndefined()
          return
        }
        const messages = all.slice(after).flatMap((event) => (event.type === 'message' ? [event] : []))
        const expected = messages.slice(0, limit + 1)
        const hasMore = expected.length < messages.length
        expect(Buffer.from(page?.json ?? []).toString()).toBe(expected.map(({ json }) => json).join(','))
        expect(page).toMatchObject({ hasMore, upTo: hasMore ? expected.at(-1)?.id : all.length })
      })
    )
  })

  it('takes messages up to exactly so many bytes', () => {
    const log = new ChatLog()
    const bytes = (log.addMessage({ text: 'ö', createdAt: 0 }, 1e9)?.json.length ?? 0) + 2
    expect(log.messageBytes).toBe(bytes)
    expect(log.addMessage({ text: 'ö', createdAt: 0 }, 2 * bytes - 1)).toBeUndefined()
    expect(log.addMessage({ text: 'ö', createdAt: 0 }, 2 * bytes)).toMatchObject({ id: 2 })
  })
})
