/**
 * Who says something stands in front of it, as in `Ana: hello`: a convention that anybody with curl can follow. The text
 * of a message stays what it is; here it is only shown in two parts.
 */
const MAX_NAME_LENGTH = 40
/** Nothing that could pass for another line, another direction or another sign; joiners belong to Persian and to emoji. */
const UNFIT = /^[^\p{L}\p{N}\p{P}\p{S}]+$|[\p{Cc}\p{Zl}\p{Zp}:]|(?![\u200c\u200d])\p{Cf}/u

/** Why a name will not do; empty if it will. */
export function problemOf(name: string): string {
  if (name.length > MAX_NAME_LENGTH) return `Use at most ${MAX_NAME_LENGTH} characters.`
  return UNFIT.test(name) ? 'Use letters and signs that can be seen, without a colon.' : ''
}

export function withName(name: string, text: string): string {
  return name === '' ? text : `${name}: ${text}`
}

export function splitName(text: string): { name: string; rest: string } {
  const [, name = '', rest = ''] = /^([^:\n]{1,40}): (.+)$/s.exec(text) ?? []
  return name !== '' && name === name.trim() && !UNFIT.test(name) ? { name, rest } : { name: '', rest: text }
}

/** What to call a chat: by who else is in it. */
export function labelFor(others: readonly string[]): string {
  return others.length === 0 ? '' : `With ${others.join(', ')}`
}
