import type { NewMessage } from '../chat/store.ts'
import { toJson } from '../wire/json.ts'

/** A message in its only form: what posting it is answered with, and what every reader gets. */
export function messageJson(id: number, message: NewMessage): string {
  return `{"id":${id},${jsonBehindId(message)}`
}

/** The same from behind the id, for who does not know that yet. */
export function jsonBehindId({ text, createdAt }: NewMessage): string {
  return toJson({ text, created_at: new Date(createdAt).toISOString() }).slice(1)
}
