import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { LoggedEvent } from '../../src/chat/events.ts'
import { Batch } from '../../src/streams/batch.ts'
import { messageFrame } from '../../src/streams/sse-format.ts'
import { aDoor, withKnock, withLink } from '../support/doors.ts'

const { door } = aDoor()
const invited = withLink(door)
const { request } = withKnock(invited.door, invited.link)

const event = fc.record({ text: fc.string({ unit: 'grapheme' }), isJoin: fc.boolean(), gap: fc.nat(2) })

it('a batch gives each reader the messages that are new to it, and no other bytes', () => {
  fc.assert(
    fc.property(fc.array(event), fc.nat(30), (parts, level) => {
      let id = 0
      const events = parts.map(({ text, isJoin, gap }): LoggedEvent => {
        id += 1 + gap
        return isJoin ? { type: 'join_request', id, request } : { type: 'message', id, json: JSON.stringify({ text }) }
      })
      const batch = new Batch(events)
      const expected = events.flatMap((one) =>
        one.type === 'message' && one.id > level ? [messageFrame(one.id, one.json)] : []
      )
      expect(batch.messagesAfter(level).toString()).toBe(expected.join(''))
      expect(batch.joins).toEqual(events.filter(({ type }) => type !== 'message'))
      expect(batch.last).toBe(id)
    })
  )
})
