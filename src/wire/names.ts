/** The rules for what people write in one line: names, titles and notes. Shared by the server and the web page. */

/** In UTF-16 code units, as JavaScript counts. */
export const MAX_NAME_LENGTH = 64
export const MAX_TITLE_LENGTH = 80
export const MAX_NOTE_LENGTH = 280

/** Control characters and line separators would break the line that shows the name. */
const LINE_BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Invisible formatting characters, except the joiners, which words and emoji need. */
const FORMATTING = /[^\P{Cf}\u200C\u200D]/u

/** Half of a surrogate pair, which UTF-8 cannot encode. */
const LONE_SURROGATE = /\p{Cs}/u

/** Stacked combining marks that would cover neighbouring lines, also with joiners between them. */
const STACKED_MARKS = /(?:\p{M}[\u200C\u200D]*){5}/u

/** A visible character. The Hangul fillers and the blank Braille pattern are letters and symbols, but invisible. */
const VISIBLE = /(?![\u115F\u1160\u2800\u3164\uFFA0])[\p{L}\p{N}\p{P}\p{S}]/u

/** Why this trimmed name, title or note is refused, as a sentence; empty if it is valid or empty. */
export function problemOfName(name: string, maxLength = MAX_NAME_LENGTH): string {
  if (name === '') return ''
  if (name.length > maxLength) return `Use at most ${maxLength} characters.`
  if (LINE_BREAKS.test(name)) return 'Remove line breaks and other control characters.'
  if (LONE_SURROGATE.test(name)) return 'Remove the incomplete character (half of a surrogate pair).'
  if (FORMATTING.test(name)) return 'Remove invisible formatting characters.'
  if (STACKED_MARKS.test(name)) return 'Use at most four accents or other combining marks per letter.'
  return VISIBLE.test(name) ? '' : 'Use at least one visible letter, digit or symbol.'
}
