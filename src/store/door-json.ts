/** A door as text, for stores that keep it outside this process. */
import type { Door, JoinRequest } from '../chat/door.ts'

type StoredDoor = Omit<Door, 'requests'> & { readonly requests: readonly JoinRequest[] }

export function encodeDoor(door: Door): string {
  const stored: StoredDoor = { ...door, requests: [...door.requests.values()] }
  return JSON.stringify(stored)
}

export function decodeDoor(text: string): Door {
  const { requests, ...door }: StoredDoor = JSON.parse(text)
  return { ...door, requests: new Map(requests.map((request) => [request.guest, request])) }
}
