/** The address of this page: the chat, link or handover that it names, and secrets in it that must be removed. */
import { decodeUnreserved } from '../../wire/unreserved.ts'

export type Place =
  | { readonly is: 'start' }
  /** An incomplete address. */
  | { readonly is: 'unreadable' }
  | { readonly is: 'chat'; readonly url: string; readonly path: string }
  | { readonly is: 'link'; readonly url: string; readonly path: string }
  /** `key` opens what is handed over; undefined if it is missing or was removed. */
  | { readonly is: 'handover'; readonly url: string; readonly key: string | undefined }

/** The end of the path of a chat or a link, which has two forms: `/i/` is for people. */
const SHARED = /\/(?:v1\/(chats|links|handovers)|i)\/([^/]+)$/

/** The server's base URL without a trailing slash. */
export function serverBase(): string {
  return location.origin + location.pathname.replace(/\/$/, '').replace(SHARED, '')
}

export function currentPlace(): Place {
  const { origin } = location
  const decoded = decodeUnreserved(location.pathname).replace(/\/$/, '')
  const [end, noun = 'links', opaque = ''] = SHARED.exec(decoded) ?? []
  if (end === undefined) return { is: 'start' }
  if (!/^[A-Za-z0-9_-]{22,}$/.test(opaque)) return { is: 'unreadable' }
  if (noun === 'handovers') {
    const key = /^#([\w-]{43})(?![\w-])/.exec(location.hash)?.[1]
    return { is: 'handover', url: origin + decoded, key }
  }
  // Keys are stored by path, so equivalent paths must become equal.
  const path = decoded.replace(SHARED, `/v1/${noun}/${opaque}`)
  return { is: noun === 'chats' ? 'chat' : 'link', url: origin + path, path }
}

export function navigate(url: string, { replace = false } = {}): void {
  const target = new URL(url, location.href)
  // A URL in an answer can have another host name for the same server.
  const local = location.origin + target.pathname
  if (replace) history.replaceState(null, '', local)
  else history.pushState(null, '', local)
  dispatchEvent(new PopStateEvent('popstate'))
}

/** Replaces the origin of a URL from the server, which can take itself for another host or scheme behind a proxy. */
export function localUrl(url: string): string {
  return location.origin + new URL(url).pathname
}

/** A link from the server as people send it to each other. */
export function invitationUrl(link: string): string {
  return localUrl(link).replace(/\/v1\/links\/([^/]+)$/, '/i/$1')
}

/** The address of the start page. */
export function homeAddress(): string {
  return `${serverBase()}/`
}

/** The path of a chat of this server; `undefined` for a chat elsewhere. */
export function chatPathIn(chatUrl: string): string | undefined {
  const { origin, pathname } = new URL(chatUrl)
  const path = decodeUnreserved(pathname)
  return origin + path.replace(/\/v1\/chats\/[\w-]+$/, '') === serverBase() ? path : undefined
}

/**
 * Removes what must not stay in the address bar. A query can have a user id, which has even been sent to the server. The
 * fragment of a handover stays until the person takes it, so that a reload does not lose it.
 */
export function cleanAddress({ is }: Place): void {
  const { hash, pathname, search } = location
  const kept = is === 'handover' ? hash : ''
  if (search !== '' || hash !== kept) history.replaceState(null, '', pathname + kept)
}

/** Removes the fragment of a handover. */
export function dropFragment(): void {
  history.replaceState(null, '', location.pathname)
}

/** The address that hands keys over to another device. Browsers never send a fragment to a server. */
export function handoverAddress(handoverUrl: string, key: string): string {
  return `${localUrl(handoverUrl)}#${key}`
}
