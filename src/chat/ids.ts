/** Every id of the product: its type, how it is created, and how it is parsed. */
import { createHmac, hash, randomBytes, randomUUID } from 'node:crypto'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** The opaque part of a chat URL: the routing tag, then 144 secret random bits. A secret. */
export type ChatId = Branded<'ChatId'>
/** The opaque part of a link URL: the tag of its chat, then 144 secret random bits of its own. A secret. */
export type LinkId = Branded<'LinkId'>
/** The opaque part of a handover URL: 216 secret random bits. A secret. */
export type HandoverId = Branded<'HandoverId'>
/** The common prefix of a chat's id and of its links' ids. Stores use it as their key. It is no secret and grants no access. */
export type ChatTag = Branded<'ChatTag'>
/** An `author_id` or a `client_id`: a UUID in lower case. A secret. */
export type UserId = Branded<'UserId'>
/** SHA-256 of a user id, base64url. Stores keep only this, so a stolen store gives nobody access. */
export type UserDigest = Branded<'UserDigest'>
/** SHA-256 of the poster and their Idempotency-Key. Identifies a repeated post within its chat. */
export type PostKey = Branded<'PostKey'>
/**
 * HMAC-SHA-256 of the network that a guest asked from, keyed with the chat's id: nobody without that secret can tell which
 * network it is, or compare guests across chats.
 */
export type NetworkDigest = Branded<'NetworkDigest'>
/** The public code of a join request: eight Crockford base32 characters, like `7QF2-9KXM`. Unique in its chat. */
export type RequestId = Branded<'RequestId'>

const TAG_BYTES = 9
const SECRET_BYTES = 18
/** Characters of a chat's tag. */
export const TAG_LENGTH = (TAG_BYTES * 4) / 3
/** Characters of a chat, link or handover id. */
export const OPAQUE_LENGTH = ((TAG_BYTES + SECRET_BYTES) * 4) / 3
/** The byte counts are multiples of three, so every id has exactly one base64url spelling. */
const OPAQUE = new RegExp(`^[A-Za-z0-9_-]{${OPAQUE_LENGTH}}$`)

export function newChatId(): ChatId {
  return newOpaque(TAG_BYTES + SECRET_BYTES) as ChatId
}

export function newLinkId(tag: ChatTag): LinkId {
  return (tag + newOpaque(SECRET_BYTES)) as LinkId
}

/** As long as the other ids, so that what recognizes a URL of ours recognizes this one too. */
export function newHandoverId(): HandoverId {
  return newOpaque(TAG_BYTES + SECRET_BYTES) as HandoverId
}

/**
 * The last character is a letter or a digit, because mail programs and Markdown treat `-` or `_` at the end of a URL as
 * text that follows it. This costs 0.05 bits. Older ids can end in any character.
 */
function newOpaque(bytes: number): string {
  for (;;) {
    const opaque = randomBytes(bytes).toString('base64url')
    if (/[A-Za-z0-9]$/.test(opaque)) return opaque
  }
}

export function tagOf(id: ChatId | LinkId): ChatTag {
  return id.slice(0, TAG_LENGTH) as ChatTag
}

/** A digest read back from a store. */
export function userDigest(stored: string): UserDigest {
  return stored as UserDigest
}

/** A tag read back from a store. */
export function chatTag(stored: string): ChatTag {
  return stored as ChatTag
}

/** `undefined` for text that cannot be a chat id. */
export function readChatId(opaque: string): ChatId | undefined {
  return OPAQUE.test(opaque) ? (opaque as ChatId) : undefined
}

/** `undefined` for text that cannot be a link id. */
export function readLinkId(opaque: string): LinkId | undefined {
  return OPAQUE.test(opaque) ? (opaque as LinkId) : undefined
}

/** `undefined` for text that cannot be a handover id. */
export function readHandoverId(opaque: string): HandoverId | undefined {
  return OPAQUE.test(opaque) ? (opaque as HandoverId) : undefined
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** A new UUIDv4 (RFC 9562, section 5.4). */
export function newUserId(): UserId {
  return randomUUID() as UserId
}

/** Accepts any UUID in any case, whether or not it belongs to a user. */
export function readUserId(value: string): UserId | undefined {
  return UUID.test(value) ? (value.toLowerCase() as UserId) : undefined
}

export function digestOf(user: UserId): UserDigest {
  return hash('sha256', user, 'base64url') as UserDigest
}

export function postKey(user: UserDigest, idempotencyKey: string): PostKey {
  return hash('sha256', `${user} ${idempotencyKey}`, 'base64url') as PostKey
}

export function networkDigest(chat: ChatId, network: string): NetworkDigest {
  return createHmac('sha256', chat).update(network).digest('base64url') as NetworkDigest
}

/** https://www.crockford.com/base32.html: no I, L, O, U. */
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const REQUEST_ID = new RegExp(`^[${CROCKFORD}]{8}$`)

export function newRequestId(): RequestId {
  const symbols = Array.from(randomBytes(8), (byte) => CROCKFORD.charAt(byte & 31)).join('')
  return `${symbols.slice(0, 4)}-${symbols.slice(4)}` as RequestId
}

/**
 * Reads a request id as people type it: in any case, with or without dashes, with the look-alikes of Crockford's
 * base32 (O for 0, I or L for 1). `undefined` if the result is not eight characters of its alphabet.
 */
export function readRequestId(typed: string): RequestId | undefined {
  // Only ASCII: `toUpperCase` turns other characters into valid ones, like U+017F into S.
  if (!/^[0-9A-Za-z-]*$/.test(typed)) return undefined
  const symbols = typed.toUpperCase().replaceAll('-', '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')
  return REQUEST_ID.test(symbols) ? (`${symbols.slice(0, 4)}-${symbols.slice(4)}` as RequestId) : undefined
}
