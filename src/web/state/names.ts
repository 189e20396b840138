/**
 * The author's name is the beginning of a message, as in `Ana: hello`: a convention that curl users can follow, too. It
 * is only displayed separately; the text of the message does not change.
 */
import { MAX_NAME_LENGTH, MAX_NOTE_LENGTH, problemOfName } from '../../wire/names.ts'

/** What is wrong with a name; empty if it is valid. A colon would end the name early. */
export function problemOf(name: string): string {
  return problemOfName(name) || (name.includes(':') ? "Names can't contain a colon." : '')
}

/** What is wrong with a note; empty if it is valid. */
export function problemOfNote(note: string): string {
  return problemOfName(note.trim(), MAX_NOTE_LENGTH)
}

export function withName(name: string, text: string): string {
  return name === '' ? text : `${name}: ${text}`
}

export function splitName(text: string): { name: string; rest: string } {
  const [, name = '', rest = ''] = NAMED.exec(text) ?? []
  return name !== '' && name === name.trim() && problemOf(name) === '' ? { name, rest } : { name: '', rest: text }
}

const NAMED = new RegExp(`^([^:\\n]{1,${MAX_NAME_LENGTH}}): (.+)$`, 's')

/** The label of a chat: the names of the others. */
export function labelFor(others: readonly string[]): string {
  return others.length === 0 ? '' : `With ${others.join(', ')}`
}
