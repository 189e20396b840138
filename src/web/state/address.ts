/** Where this page is: which chat or link its address names, and the secrets that must not stay in it. */
import { decodeUnreserved } from '../../wire/unreserved.ts'
import { problemOf } from './names.ts'

export type Place =
  | { readonly is: 'start' }
  /** The address of a chat or a link, but not a whole one. */
  | { readonly is: 'unreadable' }
  | { readonly is: 'chat'; readonly url: string; readonly path: string }
  | { readonly is: 'link'; readonly url: string; readonly path: string }

/** The base of the server, without a slash at its end. */
export function serverBase(): string {
  return location.origin + location.pathname.replace(/\/(v1\/.*)?$/, '')
}

export function currentPlace(): Place {
  const { origin } = location
  // Keys are kept by paths, so that equal ones must be the same.
  const path = decodeUnreserved(location.pathname).replace(/\/$/, '')
  const [, noun, opaque = ''] = /\/v1\/(chats|links)\/(.*)$/.exec(path) ?? []
  if (noun === undefined) return { is: 'start' }
  if (!/^[A-Za-z0-9_-]{22,}$/.test(opaque)) return { is: 'unreadable' }
  return { is: noun === 'chats' ? 'chat' : 'link', url: origin + path, path }
}

export function go(url: string, { replace = false } = {}): void {
  const target = new URL(url, location.href)
  // A URL in an answer may have another host name for the same server.
  const local = location.origin + target.pathname
  if (replace) history.replaceState(null, '', local)
  else history.pushState(null, '', local)
  dispatchEvent(new PopStateEvent('popstate'))
}

/** A URL of the server's as this page can reach it: the server may take itself for another host or scheme. */
export function localUrl(url: string): string {
  return location.origin + new URL(url).pathname
}

/** The start page, wherever the server is reached. */
export function homeAddress(): string {
  return `${serverBase()}/`
}

const CARRY = '#carry='

export interface Carried {
  readonly userId: string
  readonly name: string
  /** The path of the link a guest came through. */
  readonly link: string | undefined
}

/** The address with which another device may carry on as this person. The fragment never reaches a server. */
export function carryAddress(chatUrl: string, { userId, name, link }: Carried): string {
  const parts = [userId, name, ...(link === undefined ? [] : [link.replace(/^.*\//, '')])]
  return `${chatUrl}${CARRY}${encodeURIComponent(JSON.stringify(parts))}`
}

/** What another device has handed over, taken out of the address at once. */
export function takeCarried(): Carried | undefined {
  const { hash, pathname } = location
  // No secret belongs into the address of this page, and one in a query would have been sent to the server, too.
  if (hash !== '' || location.search !== '') history.replaceState(null, '', pathname)
  if (!hash.startsWith(CARRY)) return undefined
  try {
    const read: unknown = JSON.parse(decodeURIComponent(hash.slice(CARRY.length)))
    if (!Array.isArray(read)) return undefined
    const [userId, name, linkId] = read
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
    return undefined
  }
}
