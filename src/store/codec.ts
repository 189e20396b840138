/** The stored form of doors and messages. Every change must still read what earlier versions have written. */
import type { Door, JoinRequest } from '../chat/door.ts'
import type { NewMessage } from '../chat/store.ts'
import { toJson } from '../wire/json.ts'

type StoredDoor = Omit<Door, 'requests'> & { readonly requests: readonly JoinRequest[] }

export function encodeDoor(door: Door): string {
  const stored: StoredDoor = { ...door, requests: [...door.requests.values()] }
  return JSON.stringify(stored)
}

export function decodeDoor(text: string): Door {
  const { requests, ...door }: StoredDoor = JSON.parse(text)
  return { ...door, requests: new Map(requests.map((request) => [request.guest, request])) }
}

/** Separates the messages of a page (`MessagePage.json`). */
export const COMMA = Buffer.from(',')

/** A message is stored as the JSON that answers the post, so that reading it needs no encoding. */
export function messageJson(id: number, message: NewMessage): string {
  return `{"id":${id},${messageJsonAfterId(message)}`
}

/** The same JSON without `{"id":…,` at its start. Redis assigns the id and puts it there. */
export function messageJsonAfterId({ text, createdAt }: NewMessage): string {
  return toJson({ text, created_at: new Date(createdAt).toISOString() }).slice(1)
}
