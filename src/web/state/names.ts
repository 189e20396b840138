/**
 * Who says something stands in front of it, as in `Ana: hello`: a convention that anybody with curl can follow. The text
 * of a message stays what it is; here it is only shown in two parts.
 */
import { MAX_NAME_LENGTH, problemOfName } from '../../wire/names.ts'

/** Why a name will not do; empty if it will. A colon would end it in front of a text. */
export function problemOf(name: string): string {
  return problemOfName(name) || (name.includes(':') ? 'Leave out the colon.' : '')
}

export function withName(name: string, text: string): string {
  return name === '' ? text : `${name}: ${text}`
}

export function splitName(text: string): { name: string; rest: string } {
  const [, name = '', rest = ''] = NAMED.exec(text) ?? []
  return name !== '' && name === name.trim() && problemOf(name) === '' ? { name, rest } : { name: '', rest: text }
}

const NAMED = new RegExp(`^([^:\\n]{1,${MAX_NAME_LENGTH}}): (.+)$`, 's')

/** What to call a chat: by who else is in it. */
export function labelFor(others: readonly string[]): string {
  return others.length === 0 ? '' : `With ${others.join(', ')}`
}
