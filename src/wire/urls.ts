/** The URLs of chats and links: written on a base, read from what people send. */
import { type ChatId, type LinkId, readChatId, readLinkId } from '../chat/ids.ts'
import { decodeUnreserved } from './unreserved.ts'

/**
 * Scheme, authority and perhaps a path, without a slash at its end: what the URLs of one answer begin with. It is that
 * of the request that asked (or `PUBLIC_URL`) and must never be kept or shown to another client.
 */
export type Base = string

export const chatUrl = (base: Base, chat: ChatId): string => `${base}/v1/chats/${chat}`
export const chatEventsUrl = (base: Base, chat: ChatId): string => `${chatUrl(base, chat)}/events`
export const linkUrl = (base: Base, link: LinkId): string => `${base}/v1/links/${link}`
export const linkEventsUrl = (base: Base, link: LinkId): string => `${linkUrl(base, link)}/events`

/** What a chat or link URL must end in to be read at all; host, query and fragment do not matter. */
const URL_PATH = /\/v1\/(chats|links)\/([A-Za-z0-9_-]{22,})\/?$/

/**
 * The id in the URL of a chat or a link as somebody sent it. `undefined`: no such URL. `{ id: undefined }`: it looks
 * like one, but no chat or link of ours has such an id.
 */
export function readChatUrl(text: string): { id: ChatId | undefined } | undefined {
  const opaque = readOpaque(text, 'chats')
  return opaque === undefined ? undefined : { id: readChatId(opaque) }
}

export function readLinkUrl(text: string): { id: LinkId | undefined } | undefined {
  const opaque = readOpaque(text, 'links')
  return opaque === undefined ? undefined : { id: readLinkId(opaque) }
}

/**
 * The id in a path: the opaque part, or the whole URL, percent-encoded. That is what clients send that were made from the
 * OpenAPI document and are given the URL of an answer. `undefined`: no chat or link of ours has such an id.
 */
export function readChatSegment(segment: string): ChatId | undefined {
  return readChatId(segment) ?? readChatUrl(segment)?.id
}

export function readLinkSegment(segment: string): LinkId | undefined {
  return readLinkId(segment) ?? readLinkUrl(segment)?.id
}

function readOpaque(text: string, noun: 'chats' | 'links'): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined
  const [, found, opaque] = URL_PATH.exec(decodeUnreserved(url.pathname)) ?? []
  return found === noun ? opaque : undefined
}
