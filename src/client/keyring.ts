/** The keyring: the keys of a person to chats, as a text to hand over to another device or to keep (docs/keyring.md). */
import { parseJson, parseUrl } from './http.ts'
import { isObject } from './shapes.ts'

const VERSION = 1

/** The key of one person to one chat. */
export interface KeyringEntry {
  /** The URL of the chat. Secret. */
  readonly chat: string
  readonly role: 'owner' | 'guest'
  /** The `author_id` of an owner, the `client_id` of a guest. Secret. */
  readonly userId: string
  /** The person's own name in the chat; null for none. */
  readonly name: string | null
  /** The URL of the link through which a guest joined, which leaving needs; null for an owner. */
  readonly link: string | null
}

/** A text is not a keyring that this version can read. The message is a sentence for people, and quotes nothing. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError'
}

export function writeKeyring(entries: readonly KeyringEntry[]): string {
  const keys = entries.map(({ chat, role, userId, name, link }) => ({ chat, role, user_id: userId, name, link }))
  return JSON.stringify({ silly_chat_keyring: VERSION, keys })
}

/**
 * Ignores members that version 1 does not have.
 * @throws KeyringError
 */
export function readKeyring(text: string): KeyringEntry[] {
  const keyring = parseJson(text)
  if (!isObject(keyring) || !('silly_chat_keyring' in keyring)) {
    throw new KeyringError("This isn't a Silly Chat key. Copy the whole key, from the first brace to the last.")
  }
  if (keyring['silly_chat_keyring'] !== VERSION) {
    throw new KeyringError('This key was made by a newer version of Silly Chat. Update this one, or reload the page.')
  }
  const { keys } = keyring
  const entries = Array.isArray(keys) ? keys.map(readEntry) : []
  const readable = entries.filter((entry) => entry !== undefined)
  if (readable.length === 0 || readable.length < entries.length) {
    throw new KeyringError('This key is damaged. Copy it again.')
  }
  return readable
}

const USER_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function readEntry(value: unknown): KeyringEntry | undefined {
  if (!isObject(value)) return undefined
  const { chat, role, user_id: userId, name, link } = value
  if (!isUrlOf('chats', chat) || typeof userId !== 'string' || !USER_ID.test(userId)) return undefined
  const common = { chat, userId: userId.toLowerCase(), name: typeof name === 'string' ? name : null }
  if (role === 'owner') return { ...common, role, link: null }
  return role === 'guest' && isUrlOf('links', link) ? { ...common, role, link } : undefined
}

function isUrlOf(noun: 'chats' | 'links', value: unknown): value is string {
  if (typeof value !== 'string') return false
  try {
    return new RegExp(`/v1/${noun}/[\\w-]{22,}$`).test(parseUrl(value).pathname)
  } catch {
    // A RequestError: this is no URL.
    return false
  }
}
