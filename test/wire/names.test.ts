/** The rule for names, which the server and the page share. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { problemOfName } from '../../src/wire/names.ts'

const SENTENCES = {
  long: 'Use at most 64 characters.',
  breaks: 'Remove line breaks and other control characters.',
  half: 'Remove the incomplete character (half of a surrogate pair).',
  formatting: 'Remove invisible formatting characters.',
  pile: 'Use at most four accents or other combining marks per letter.',
  blank: 'Use at least one visible letter, digit or symbol.'
}

it.each([
  'Ana',
  'x'.repeat(64),
  'Żółć 👋',
  'بحث',
  'علی\u200cرضا',
  '👩\u200d👩\u200d👧',
  '🏳\ufe0f\u200d🌈',
  '1\ufe0f\u20e3',
  'क्\u200dष',
  'བསྒྲུབས',
  '민준',
  '…',
  '7',
  '€',
  '<img onerror>',
  'Ana: Ben',
  `e${'\u0301'.repeat(4)}`,
  '\u3164Ana',
  '\u2801'
])('%j will do', (name) => {
  expect(problemOfName(name)).toBe('')
})

const formatting = [
  0xad, 0x600, 0x61c, 0x200b, 0x200e, 0x200f, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0xfeff, 0xfff9, 0xe0041
]
const invisible = [
  0x20, 0xa0, 0x3000, 0x115f, 0x1160, 0x2800, 0x3164, 0xffa0, 0x200c, 0x200d, 0xfe0f, 0x34f, 0x301, 0x17b4
]
const cases: [keyof typeof SENTENCES, string][] = [
  ['long', 'x'.repeat(65)],
  ['long', '👋'.repeat(33)],
  ...['\0', '\n', '\r', '\t', '\u001b', '\u007f', '\u0085', '\u2028', '\u2029'].map(
    (sign): [keyof typeof SENTENCES, string] => ['breaks', `A${sign}na`]
  ),
  ['half', 'A\ud83d'],
  ['half', '\udc4bna'],
  ...formatting.map((code): [keyof typeof SENTENCES, string] => ['formatting', `A${String.fromCodePoint(code)}na`]),
  ['pile', `e${'\u0301'.repeat(5)}`],
  ['pile', `e\u0301\u0316\u0489\ufe0f\u20e3`],
  ['pile', `e${'\u0301\u0301\u200d'.repeat(3)}`],
  ...invisible.map((code): [keyof typeof SENTENCES, string] => ['blank', String.fromCodePoint(code)]),
  ['blank', '\u3164\u2800 \uffa0\u200d']
]

it.each(cases)('is refused with a message about what is wrong: %s, %j', (kind, name) => {
  expect(problemOfName(name)).toBe(SENTENCES[kind])
})

it('is optional', () => {
  expect(problemOfName('')).toBe('')
})

describe('any name', () => {
  const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 70 })
  const mark = fc.constantFrom('\u0301', '\u0316', '\u20e3', '\ufe0f', '\u200d', 'e')

  it('that is accepted is visible, and stays in one line', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          name,
          fc.array(mark, { minLength: 1 }).map((marks) => marks.join(''))
        ),
        (text) => {
          if (problemOfName(text) !== '') return
          expect(text.isWellFormed() && text.length <= 64).toBe(true)
          expect(text.replaceAll(/[\u115F\u1160\u2800\u3164\uFFA0\u200C\u200D]/g, '')).toMatch(
            /[\p{L}\p{N}\p{P}\p{S}]/u
          )
          expect(text.replaceAll(/[\u200C\u200D]/g, '')).not.toMatch(/\p{C}(?<!\p{Cn}|\p{Co})|[\p{Zl}\p{Zp}]|\p{M}{5}/u)
        }
      ),
      { numRuns: 2000 }
    )
  })

  it('of letters and digits of any script is accepted, and refused with an invisible character', () => {
    const letter = fc
      .integer({ min: 0, max: 0x10ffff })
      .map(String.fromCodePoint)
      .filter((one) => /(?![\u115F\u1160\u3164\uFFA0])[\p{L}\p{N}]/u.test(one))
    fc.assert(
      fc.property(
        fc.array(letter, { minLength: 1, maxLength: 32 }),
        fc.constantFrom(...formatting),
        fc.nat(),
        (letters, code, at) => {
          expect(problemOfName(letters.join(''))).toBe('')
          const broken = letters.toSpliced(at % letters.length, 0, String.fromCodePoint(code)).join('')
          expect(problemOfName(broken)).not.toBe('')
        }
      )
    )
  })
})
