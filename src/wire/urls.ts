/** Builds and parses the URLs of chats, links and handovers. */
import { type ChatId, type HandoverId, type LinkId, readChatId, readHandoverId, readLinkId } from '../chat/ids.ts'
import { decodeUnreserved } from './unreserved.ts'

/**
 * Scheme, authority and optional path, without a trailing slash: the start of all URLs in a response. It comes from the
 * request (or from `PUBLIC_URL`), so it must never be stored or shown to another client.
 */
export type Base = string

export const chatUrl = (base: Base, chat: ChatId): string => `${base}/v1/chats/${chat}`
export const chatEventsUrl = (base: Base, chat: ChatId): string => `${chatUrl(base, chat)}/events`
export const linkUrl = (base: Base, link: LinkId): string => `${base}/v1/links/${link}`
export const linkEventsUrl = (base: Base, link: LinkId): string => `${linkUrl(base, link)}/events`

export const handoverUrl = (base: Base, handover: HandoverId): string => `${base}/v1/handovers/${handover}`

/** The end of the path of a chat, link or handover URL; `/i/` is the form of a link for people. Host, query and fragment do not matter. */
const URL_PATH = /\/(?:v1\/(chats|links|handovers)|i)\/([A-Za-z0-9_-]{22,})\/?$/

/**
 * Parses the URL of a chat. `undefined`: it is no chat URL. `{ id: undefined }`: it looks like one, but its id cannot be
 * that of a chat.
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
 * Parses the `:chat` segment of a path: an id, or a whole chat URL, percent-encoded. Clients generated from the OpenAPI
 * document send the latter if they are given the URL from an answer.
 */
export function readChatSegment(segment: string): ChatId | undefined {
  return readChatId(segment) ?? readChatUrl(segment)?.id
}

export function readLinkSegment(segment: string): LinkId | undefined {
  return readLinkId(segment) ?? readLinkUrl(segment)?.id
}

export function readHandoverSegment(segment: string): HandoverId | undefined {
  return readHandoverId(segment) ?? readHandoverId(readOpaque(segment, 'handovers') ?? '')
}

function readOpaque(text: string, noun: 'chats' | 'links' | 'handovers'): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined
  const [, found = 'links', opaque] = URL_PATH.exec(decodeUnreserved(url.pathname)) ?? []
  return found === noun ? opaque : undefined
}
