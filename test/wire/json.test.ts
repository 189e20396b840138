/** JSON without line breaks of any kind. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { escapeLineBreaks, escapeLineBreaksIn, toJson } from '../../src/wire/json.ts'

/** The line breaks of Python's `str.splitlines`. */
const LINE_BREAKS = [...'\n\v\f\r\u001c\u001d\u001e\u0085\u2028\u2029']

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\u0085', '\u2028', '\u2029', '\\', '"', '\n', 'é', '“', '…'),
    fc.string({ unit: 'binary', maxLength: 1 })
  )
})
const value = fc.letrec((tie) => ({
  value: fc.oneof(text, fc.integer(), fc.constant(null), fc.array(tie('value')), fc.dictionary(text, tie('value')))
})).value

it('is one line, and is parsed to the same value', () => {
  fc.assert(
    fc.property(value, (sent) => {
      const json = toJson(sent)
      expect(LINE_BREAKS.filter((character) => json.includes(character))).toEqual([])
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(sent)))
    })
  )
})

it('is the same from a value, from JSON with raw line breaks, and from its bytes', () => {
  fc.assert(
    fc.property(value, (sent) => {
      const raw = JSON.stringify(sent)
      expect(escapeLineBreaks(raw)).toBe(toJson(sent))
      expect(escapeLineBreaksIn(Buffer.from(raw)).toString()).toBe(Buffer.from(toJson(sent)).toString())
    })
  )
})

it('without anything to escape is not copied', () => {
  const bytes = Buffer.from('{"text":"“Grüße” … €  \\u2028"}')
  expect(escapeLineBreaksIn(bytes)).toBe(bytes)
})

it('of undefined is undefined', () => {
  expect(() => toJson(undefined)).toThrow(TypeError)
})
