/** What people may call themselves: one rule for the server, the page, and whoever writes another client. */

/** In UTF-16 code units, as JavaScript counts. */
export const MAX_NAME_LENGTH = 64

/** Control characters and separators of lines: they would end the line that the name stands in. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Formatting characters, which nobody sees. Only the joiners are part of how words and emoji are spelled. */
const FORMATTING = /[^\P{Cf}\u200C\u200D]/u

/** Half of a character beyond U+FFFF. UTF-8 cannot hold it. */
const HALF = /\p{Cs}/u

/** Marks that pile up on one another and cover the lines around. A joiner between them does not stop that. */
const PILE = /(?:\p{M}[\u200C\u200D]*){5}/u

/** Something to see. Five letters and symbols show nothing: the fillers of Hangul and the empty pattern of Braille. */
const VISIBLE = /(?![\u115F\u1160\u2800\u3164\uFFA0])[\p{L}\p{N}\p{P}\p{S}]/u

/** A sentence that says why this name, without spaces around it, will not do; empty if it will, or if there is none. */
export function problemOfName(name: string): string {
  if (name === '') return ''
  if (name.length > MAX_NAME_LENGTH) return `Use at most ${MAX_NAME_LENGTH} characters.`
  if (BREAKS.test(name)) return 'Leave out line breaks and other control characters.'
  if (HALF.test(name)) return 'Leave out the character that is not complete (half of a surrogate pair).'
  if (FORMATTING.test(name)) return 'Leave out invisible formatting characters.'
  if (PILE.test(name)) return 'Put at most four accents or other combining marks on one letter.'
  return VISIBLE.test(name) ? '' : 'Use at least one letter, digit or sign that can be seen.'
}
