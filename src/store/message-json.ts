import type { NewMessage } from './store.ts'

/** A message in its only form: what posting it is answered with, and what every reader gets. */
export function messageJson(id: number, { text, createdAt }: NewMessage): string {
  return JSON.stringify({ id, text, created_at: new Date(createdAt).toISOString() })
}
