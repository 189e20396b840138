/** The address of this page: the chat or link that it names, and secrets in it that must be removed. */
import { decodeUnreserved } from '../../wire/unreserved.ts'
import { problemOf } from './names.ts'

export type Place =
  | { readonly is: 'start' }
  /** An incomplete address of a chat or a link. */
  | { readonly is: 'unreadable' }
  | { readonly is: 'chat'; readonly url: string; readonly path: string }
  | { readonly is: 'link'; readonly url: string; readonly path: string }

/** The end of the path of a chat or a link, which has two forms: `/i/` is for people. */
const SHARED = /\/(?:v1\/(chats|links)|i)\/([^/]+)$/

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

const CARRY = '#carry='

export interface Carried {
  readonly userId: string
  readonly name: string
  /** The path of the link through which a guest joined; the owner has none. */
  readonly link: string | undefined
}

/** The address that hands this user over to another device. Browsers never send a fragment to a server. */
export function carryAddress(chatUrl: string, { userId, name, link }: Carried): string {
  const parts = [userId, name, ...(link === undefined ? [] : [link.replace(/^.*\//, '')])]
  return `${chatUrl}${CARRY}${encodeURIComponent(JSON.stringify(parts))}`
}

/** Reads what another device has handed over, and removes it from the address. */
export function takeCarried(): Carried | undefined {
  const { hash, pathname } = location
  // Secrets must not stay in the address bar. One in the query has even been sent to the server.
  if (hash !== '' || location.search !== '') history.replaceState(null, '', pathname)
  if (!hash.startsWith(CARRY)) return undefined
  try {
    const carried: unknown = JSON.parse(decodeURIComponent(hash.slice(CARRY.length)))
    if (!Array.isArray(carried)) return undefined
    const [userId, name, linkId] = carried
    if (typeof userId !== 'string' || !/^[0-9a-f-]{36}$/i.test(userId)) return undefined
    return {
      userId,
      name: typeof name === 'string' && problemOf(name) === '' ? name : '',
      link:
        typeof linkId === 'string' && /^[\w-]{22,64}$/.test(linkId)
          ? pathname.replace(/\/v1\/.*$/, `/v1/links/${linkId}`)
          : undefined
    }
  } catch {
    return undefined // SyntaxError or URIError: the fragment is damaged.
  }
}
