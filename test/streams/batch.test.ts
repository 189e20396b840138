import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { LoggedEvent } from '../../src/chat/events.ts'
import { Batch } from '../../src/streams/batch.ts'
import { messageFrame } from '../../src/wire/sse-format.ts'
import { ChunkReader } from '../support/chunked.ts'
import { aDoor, withKnock, withLink } from '../support/doors.ts'

const { door } = aDoor()
const invited = withLink(door)
const { request } = withKnock(invited.door, invited.link)

const event = fc.record({ text: fc.string({ unit: 'grapheme' }), isJoin: fc.boolean(), gap: fc.nat(2) })

it('a batch gives each reader its new messages in one chunk, or no bytes if there are none', () => {
  fc.assert(
    fc.property(fc.array(event), fc.nat(30), (parts, sentUpTo) => {
      let id = 0
      const events = parts.map(({ text, isJoin, gap }): LoggedEvent => {
        id += 1 + gap
        return isJoin ? { type: 'join_request', id, request } : { type: 'message', id, json: JSON.stringify({ text }) }
      })
      const batch = new Batch(events)
      const fresh = events.flatMap((one) =>
        one.type === 'message' && one.id > sentUpTo ? [messageFrame(one.id, one.json)] : []
      )
      const expected = fresh.join('')
      expect(batch.countAfter(sentUpTo)).toBe(fresh.length)
      expect(batch.framesAfter(sentUpTo).toString()).toBe(expected)
      const { chunks, isEnded } = new ChunkReader().feed(batch.chunkAfter(sentUpTo))
      expect([chunks.map(String), isEnded]).toEqual([expected === '' ? [] : [expected], false])
      expect(batch.joins).toEqual(events.filter(({ type }) => type !== 'message'))
      expect(batch.last).toBe(id)
    })
  )
})

it('all readers that are caught up get the same buffer, with HTTP/1.0 and with HTTP/1.1', () => {
  const batch = new Batch([3, 4].map((id) => ({ type: 'message', id, json: '{}' })))
  for (const sentUpTo of [0, 1, 2]) {
    expect(batch.chunkAfter(sentUpTo)).toBe(batch.chunkAfter(2))
    expect(batch.framesAfter(sentUpTo)).toBe(batch.framesAfter(2))
  }
})
