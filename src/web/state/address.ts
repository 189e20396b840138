/** Where this page is: which chat or link its address names, and the secrets that must not stay in it. */
export type Place =
  | { readonly is: 'start' }
  | { readonly is: 'chat'; readonly url: string; readonly path: string }
  | { readonly is: 'link'; readonly url: string; readonly path: string }

/** The base of the server, without a slash at its end. */
export function serverBase(): string {
  return location.origin + location.pathname.replace(/\/(v1\/.*)?$/, '')
}

export function currentPlace(): Place {
  const { origin, pathname } = location
  const [, noun] = /\/v1\/(chats|links)\/[A-Za-z0-9_-]+\/?$/.exec(pathname) ?? []
  const path = pathname.replace(/\/$/, '')
  if (noun === 'chats') return { is: 'chat', url: origin + path, path }
  if (noun === 'links') return { is: 'link', url: origin + path, path }
  return { is: 'start' }
}

export function go(url: string, { replace = false } = {}): void {
  const target = new URL(url, location.href)
  // A URL in an answer may have another host name for the same server.
  const local = location.origin + target.pathname
  if (replace) history.replaceState(null, '', local)
  else history.pushState(null, '', local)
  dispatchEvent(new PopStateEvent('popstate'))
}

const CARRY = '#carry='

/** The address with which another device may carry on as this person. The fragment never reaches a server. */
export function carryAddress(chatUrl: string, userId: string, name: string): string {
  return `${chatUrl}${CARRY}${encodeURIComponent(JSON.stringify([userId, name]))}`
}

export interface Carried {
  readonly userId: string
  readonly name: string
}

/** What another device has handed over, taken out of the address at once. */
export function takeCarried(): Carried | undefined {
  if (!location.hash.startsWith(CARRY)) return undefined
  const text = location.hash.slice(CARRY.length)
  history.replaceState(null, '', location.pathname)
  try {
    const read: unknown = JSON.parse(decodeURIComponent(text))
    if (!Array.isArray(read)) return undefined
    const [userId, name] = read
    if (typeof userId !== 'string' || !/^[0-9a-f-]{36}$/i.test(userId)) return undefined
    return { userId, name: typeof name === 'string' ? name : '' }
  } catch {
    return undefined
  }
}
