/** The chunked coding of HTTP/1.1, checked by a strict reader. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunk, LAST_CHUNK } from '../../src/streams/chunked.ts'
import { ChunkReader } from '../support/chunked.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 300 })

describe('texts sent in chunks', () => {
  it('arrive unchanged, however the network splits them, and are complete only at the end', () => {
    fc.assert(
      fc.property(fc.array(text), fc.infiniteStream(fc.integer({ min: 1, max: 50 })), (texts, sizes) => {
        const sent = Buffer.from(texts.map(chunk).join('') + LAST_CHUNK)
        const reader = new ChunkReader()
        for (let at = 0; at < sent.length; ) {
          expect(reader.isEnded).toBe(false)
          const end = at + sizes.next().value
          reader.feed(sent.subarray(at, end))
          at = end
        }
        expect([reader.text, reader.isEnded]).toEqual([texts.join(''), true])
        expect(reader.chunks.map(String)).toEqual(texts.filter((one) => one !== ''))
      })
    )
  })

  it('start with their length in bytes, in hexadecimal', () => {
    expect(chunk('x'.repeat(4095))).toMatch(/^fff\r\nx{4095}\r\n$/)
    expect(chunk('€🙂')).toBe('7\r\n€🙂\r\n')
  })

  it('are never empty chunks, which would end the body', () => {
    expect(chunk('')).toBe('')
  })
})
