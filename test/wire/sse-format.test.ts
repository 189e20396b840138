import { createParser, type EventSourceMessage } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toJson } from '../../src/wire/json.ts'
import { frame, HEARTBEAT, messageFrame, opening } from '../../src/wire/sse-format.ts'

function parse(text: string) {
  const events: EventSourceMessage[] = []
  const comments: string[] = []
  const retries: number[] = []
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onComment: (comment) => comments.push(comment),
    onRetry: (retry) => retries.push(retry)
  })
  parser.feed(text)
  return { events, comments, retries }
}

const name = fc.string({ minLength: 1 }).filter((text) => !/[\r\n\0]/.test(text) && !text.startsWith(' '))

describe('a frame', () => {
  it('is parsed by a client to the same data', () => {
    fc.assert(
      fc.property(name, fc.option(name, { nil: undefined }), fc.jsonValue(), (event, id, data) => {
        const text = frame({ event, data, ...(id !== undefined && { id }) })
        expect(parse(text).events).toEqual([{ event, id, data: toJson(data) }])
      })
    )
  })

  it.each(['\r', '\n', '\0', '\u0085', '\u2028', '\u2029'])('with %j in its event or id is refused', (character) => {
    expect(() => frame({ event: `a${character}b`, data: 1 })).toThrow(TypeError)
    expect(() => frame({ event: 'a', id: `1${character}data: forged`, data: 1 })).toThrow(TypeError)
  })

  it('of a message has the same format', () => {
    const data = { id: 7, text: 'a\r\nb\u2028', created_at: '' }
    expect(messageFrame(7, toJson(data))).toBe(frame({ event: 'message', id: 7, data }))
  })
})

it('a stream starts with a comment and a reconnection time', () => {
  expect(parse(opening(2345))).toEqual({ events: [], comments: [''], retries: [2345] })
})

it('a heartbeat is a comment', () => {
  expect(parse(HEARTBEAT)).toEqual({ events: [], comments: [''], retries: [] })
})
