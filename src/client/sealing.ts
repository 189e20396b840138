/**
 * Encrypts a keyring for a handover: AES-256-GCM, with a key that is used once. The sealed text is base64url of the 12 bytes
 * of the nonce, the ciphertext and the tag.
 */
import { KeyringError } from './keyring.ts'

const NONCE_BYTES = 12
const KEY_BYTES = 32
/** Authenticated, so that a text that was sealed for something else or in another way cannot be opened. */
const LABEL = new TextEncoder().encode('silly-chat handover 1')

/** Whether this can be done here: browsers have WebCrypto only on https and localhost. */
export function canSeal(): boolean {
  return globalThis.crypto?.subtle !== undefined
}

/** Encrypts a text with a new key, which is 43 characters of base64url. */
export async function seal(text: string): Promise<{ sealed: string; key: string }> {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES))
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  const imported = await importKey(key, 'encrypt')
  const encrypted = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: LABEL },
    imported,
    new TextEncoder().encode(text)
  )
  return { sealed: encode(new Uint8Array([...iv, ...new Uint8Array(encrypted)])), key: encode(key) }
}

/** @throws KeyringError if the text was not sealed with this key, or was changed */
export async function unseal(sealed: string, key: string): Promise<string> {
  try {
    const bytes = decode(sealed)
    const iv = bytes.subarray(0, NONCE_BYTES)
    const imported = await importKey(decode(key), 'decrypt')
    const decrypted = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv, additionalData: LABEL },
      imported,
      bytes.subarray(NONCE_BYTES)
    )
    return new TextDecoder().decode(decrypted)
  } catch {
    // OperationError: the tag does not fit; DataError: no key of this length; InvalidCharacterError: no base64url.
    throw new KeyringError('The key in this link is wrong. Copy the whole link, or make a new one.')
  }
}

function importKey(key: Uint8Array<ArrayBuffer>, use: 'encrypt' | 'decrypt') {
  return crypto.subtle.importKey('raw', key, 'AES-GCM', false, [use])
}

function encode(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function decode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0))
}
