/** Keyrings, and their way to another device. */
import { describe, expect, it } from 'vitest'
import {
  createHandover,
  type KeyringEntry,
  KeyringError,
  readKeyring,
  seal,
  takeHandover,
  unseal,
  writeKeyring
} from '../../src/client/index.ts'
import { startServer } from '../support/server.ts'

const ID = '406a3207-a070-4411-b9b6-8527c0c19c7e'
const CHAT = `https://chat.example/silly/v1/chats/${'c'.repeat(36)}`
const LINK = `https://chat.example/silly/v1/links/${'l'.repeat(36)}`
const OWNER: KeyringEntry = { chat: CHAT, role: 'owner', userId: ID, name: null, link: null }
const GUEST: KeyringEntry = { chat: CHAT, role: 'guest', userId: ID, name: 'Zoë 🙂', link: LINK }

/** A keyring of the owner, changed. */
function keyring(change: object, ofKey: object = {}): string {
  const key = { chat: CHAT, role: 'owner', user_id: ID, name: null, link: null, ...ofKey }
  return JSON.stringify({ silly_chat_keyring: 1, keys: [key], ...change })
}

describe('a keyring', () => {
  it('is read as it was written, in the format that docs/keyring.md shows', () => {
    expect(JSON.parse(writeKeyring([OWNER, GUEST]))).toEqual({
      silly_chat_keyring: 1,
      keys: [
        { chat: CHAT, role: 'owner', user_id: ID, name: null, link: null },
        { chat: CHAT, role: 'guest', user_id: ID, name: 'Zoë 🙂', link: LINK }
      ]
    })
    expect(readKeyring(writeKeyring([OWNER, GUEST]))).toEqual([OWNER, GUEST])
  })

  it('can have members that this version does not know, and lack those that it does not need', () => {
    expect(readKeyring(keyring({ made_by: 'tomorrow' }, { colour: 'red', name: undefined, link: undefined }))).toEqual([
      OWNER
    ])
    expect(readKeyring(keyring({}, { user_id: ID.toUpperCase(), name: 7 }))).toEqual([OWNER])
  })

  it.each([0, 2, '1', null, 1.5])('of version %j is refused with a sentence', (version) => {
    expect(() => readKeyring(keyring({ silly_chat_keyring: version }))).toThrow(KeyringError)
    expect(() => readKeyring(keyring({ silly_chat_keyring: version }))).toThrow(/version .*\.$/)
  })

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['another object', '{"keys":[]}'],
    ['without keys', keyring({ keys: undefined })],
    ['with no key', keyring({ keys: [] })],
    ['with null for a key', keyring({ keys: [null] })],
    ['with one damaged key of two', keyring({ keys: [JSON.parse(keyring({})).keys[0], { chat: CHAT }] })],
    ['with a chat that is no URL', keyring({}, { chat: 'chat' })],
    ['with a chat of another scheme', keyring({}, { chat: CHAT.replace('https', 'javascript') })],
    ['with a link for a chat', keyring({}, { chat: LINK })],
    ['with a short id', keyring({}, { chat: 'https://chat.example/v1/chats/c' })],
    ['without a role', keyring({}, { role: undefined })],
    ['with an unknown role', keyring({}, { role: 'king' })],
    ['of a guest without a link', keyring({}, { role: 'guest' })],
    ['of a guest with a chat for a link', keyring({}, { role: 'guest', link: CHAT })],
    ['with a user id that is none', keyring({}, { user_id: `${ID}x` })]
  ])('that is %s is refused with a sentence that quotes nothing', (_, text) => {
    let message = ''
    try {
      readKeyring(text)
    } catch (error) {
      if (error instanceof KeyringError) message = error.message
    }
    expect(message).toMatch(/^This .*\.$/)
    expect(message).not.toContain('chat.example')
  })
})

describe('a sealed text', () => {
  it('is opened by its key alone, and differs each time', async () => {
    const text = `Zoë 🙂 ${'x'.repeat(5000)}`
    const [one, other] = [await seal(text), await seal(text)]
    for (const { sealed, key } of [one, other]) {
      expect(key).toMatch(/^[\w-]{42}[A-Za-z0-9]$/)
      expect(sealed).toMatch(/^[\w-]+$/)
      expect(await unseal(sealed, key)).toBe(text)
    }
    expect(one.sealed.slice(0, 16)).not.toBe(other.sealed.slice(0, 16))
    await expect(unseal(one.sealed, other.key)).rejects.toThrow(KeyringError)
  })

  it('is AES-256-GCM: nonce, ciphertext and tag, with the label as additional data', async () => {
    const { sealed, key } = await seal('hello')
    const bytes = Buffer.from(sealed, 'base64url')
    const raw = Buffer.from(key, 'base64url')
    expect([bytes.length, raw.length]).toEqual([12 + 5 + 16, 32])
    const open = async (label: string) => {
      const imported = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt'])
      const algorithm = { name: 'AES-GCM', iv: bytes.subarray(0, 12), additionalData: Buffer.from(label) }
      return Buffer.from(await crypto.subtle.decrypt(algorithm, imported, bytes.subarray(12))).toString()
    }
    expect(await open('silly-chat handover 1')).toBe('hello')
    await expect(open('silly-chat handover 2')).rejects.toThrow()
  })

  it('that was changed, cut off, or is none, is refused', async () => {
    const { sealed, key } = await seal('hello')
    const changed = sealed.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))
    for (const [text, by] of [
      [changed, key],
      [sealed.slice(0, -4), key],
      ['', key],
      ['?', key],
      [sealed, ''],
      [sealed, '?'],
      [sealed, key.slice(0, 22)]
    ] as const) {
      await expect(unseal(text, by)).rejects.toThrow(KeyringError)
    }
  })
})

it('the client leaves a text on a server and takes it once, without sending the fragment', async () => {
  const server = await startServer()
  const { sealed, key } = await seal(writeKeyring([GUEST]))
  const { handover, expires_at } = await createHandover(`${server.url}/`, sealed)
  expect(expires_at).toBe(new Date(server.clock.now + 600_000).toISOString())
  const asked: string[] = []
  const counted: typeof fetch = (input, init) => {
    asked.push(`${input}`)
    return fetch(input, init)
  }
  const taken = await takeHandover(`${handover}#${key}`, { fetch: counted })
  expect(readKeyring(await unseal(taken, key))).toEqual([GUEST])
  expect(asked).toEqual([handover])
  await expect(takeHandover(handover)).rejects.toMatchObject({ kind: 'handover-not-found', status: 404 })
})
