/** Stores keys from another device. */
import { type KeyringEntry, KeyringError } from '../../client/index.ts'
import { chatPathIn } from './address.ts'
import { type ChatKey, keyOf, merged, withoutEnded } from './keyring.ts'
import { chatKey, saveChat } from './keys.ts'
import { dropAllOf } from './storage.ts'

export interface Adopted {
  /** The paths of the chats. */
  readonly paths: readonly string[]
  /** The names (empty for none) under which it goes on in chats in which it is somebody else than the other device. */
  readonly unchanged: readonly string[]
}

/** @throws KeyringError if none of the keys is for this server */
export function adopt(entries: readonly KeyringEntry[]): Adopted {
  const byPath = new Map<string, ChatKey[]>()
  for (const entry of entries) {
    const path = chatPathIn(entry.chat)
    if (path !== undefined) byPath.set(path, [...(byPath.get(path) ?? []), keyOf(entry, Date.now())])
  }
  const unchanged: string[] = []
  for (const [path, taken] of byPath) {
    const here = chatKey(path)
    const next = taken.reduce<ChatKey | undefined>(merged, here)
    if (next === undefined) continue
    // The other user's unsent messages must not be sent in this user's name.
    if (next.userId !== here?.userId) dropAllOf(path)
    else if (next.userId !== taken[0]?.userId) unchanged.push(next.name)
    saveChat(path, next)
  }
  const [other] = entries
  if (byPath.size === 0 && other !== undefined) {
    // It would be sent to this server.
    throw new KeyringError(
      `This key belongs to ${new URL(other.chat).origin}. Open that address and use the key there.`
    )
  }
  return { paths: [...byPath.keys()], unchanged }
}

/** Goes on with a key that was kept aside, after the one in use has ended. Returns whether there is one. */
export function switchToSpareKey(path: string): boolean {
  const ended = chatKey(path)
  const next = ended && withoutEnded(ended)
  if (next === undefined) return false
  dropAllOf(path)
  saveChat(path, next)
  return true
}
