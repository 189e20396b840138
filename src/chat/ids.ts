/** Every id of the product: its type, how it is made and how it is read from a path or from a person. */
import { hash, randomBytes, randomUUID } from 'node:crypto'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** The opaque part of a chat URL: the routing tag, then 144 secret random bits. A secret. */
export type ChatId = Branded<'ChatId'>
/** The opaque part of a link URL: the tag of its chat, then 144 secret random bits of its own. A secret. */
export type LinkId = Branded<'LinkId'>
/** What chat and link ids of one chat begin with: where a store keeps all of that chat. Admits nobody. */
export type ChatTag = Branded<'ChatTag'>
/** An `author_id` or a `client_id`: a UUID in lower case that only its holder knows. A secret. */
export type UserId = Branded<'UserId'>
/** SHA-256 of a user id, base64url: what is kept, so that a stolen store lets nobody in. */
export type UserDigest = Branded<'UserDigest'>
/** SHA-256 of who posts and of the Idempotency-Key they chose: what a repeated post is known by in its chat. */
export type PostKey = Branded<'PostKey'>
/** Where a join request came from: SHA-256 of the chat and of the network it came from, so that chats cannot be compared. */
export type Source = Branded<'Source'>
/** The public name of a join request, eight Crockford base32 characters as `7QF2-9KXM`; unique in its chat. */
export type RequestId = Branded<'RequestId'>

const TAG_BYTES = 9
const SECRET_BYTES = 18
/** Characters of a chat's tag. */
export const TAG_LENGTH = (TAG_BYTES * 4) / 3
/** Symbols of a chat or link id. */
export const OPAQUE_LENGTH = ((TAG_BYTES + SECRET_BYTES) * 4) / 3
/** Whole groups of three bytes, so that no two spellings of base64url mean the same id. */
const OPAQUE = new RegExp(`^[A-Za-z0-9_-]{${OPAQUE_LENGTH}}$`)

export function newChatId(): ChatId {
  return newOpaque(TAG_BYTES + SECRET_BYTES) as ChatId
}

export function newLinkId(tag: ChatTag): LinkId {
  return (tag + newOpaque(SECRET_BYTES)) as LinkId
}

/**
 * Ends in a letter or a digit, since mail programs and Markdown take a `-` or `_` at the end of a URL for something that
 * follows it. That costs 0.05 of its bits. Ids that were made before may end in any symbol.
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

/** A tag that a store has kept. */
export function chatTag(kept: string): ChatTag {
  return kept as ChatTag
}

/** `undefined` for what can be no chat of ours, whatever its shape or length. */
export function readChatId(opaque: string): ChatId | undefined {
  return OPAQUE.test(opaque) ? (opaque as ChatId) : undefined
}

/** `undefined` for what can be no link of ours, whatever its shape or length. */
export function readLinkId(opaque: string): LinkId | undefined {
  return OPAQUE.test(opaque) ? (opaque as LinkId) : undefined
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** A new UUIDv4 (RFC 9562, section 5.4). */
export function newUserId(): UserId {
  return randomUUID() as UserId
}

/** Any UUID in any case is well formed; whether it has a right is another question. */
export function readUserId(value: string): UserId | undefined {
  return UUID.test(value) ? (value.toLowerCase() as UserId) : undefined
}

export function digestOf(user: UserId): UserDigest {
  return hash('sha256', user, 'base64url') as UserDigest
}

export function postKey(user: UserDigest, idempotencyKey: string): PostKey {
  return hash('sha256', `${user} ${idempotencyKey}`, 'base64url') as PostKey
}

export function sourceOf(tag: ChatTag, network: string): Source {
  return hash('sha256', `${tag} ${network}`, 'base64url') as Source
}

/** https://www.crockford.com/base32.html: no I, L, O, U. */
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const REQUEST_ID = new RegExp(`^[${CROCKFORD}]{8}$`)

export function newRequestId(): RequestId {
  const symbols = Array.from(randomBytes(8), (byte) => CROCKFORD.charAt(byte & 31)).join('')
  return `${symbols.slice(0, 4)}-${symbols.slice(4)}` as RequestId
}

/**
 * Reads a request id as a person may have typed it: in any case, with or without dashes, with the look-alikes
 * that Crockford's base32 foresees. `undefined` if that does not leave eight of its symbols.
 */
export function readRequestId(typed: string): RequestId | undefined {
  // Beyond ASCII, upper case can turn what is no symbol into one: U+017F becomes S.
  if (!/^[0-9A-Za-z-]*$/.test(typed)) return undefined
  const symbols = typed.toUpperCase().replaceAll('-', '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')
  return REQUEST_ID.test(symbols) ? (`${symbols.slice(0, 4)}-${symbols.slice(4)}` as RequestId) : undefined
}
