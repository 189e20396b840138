/** Addresses of people with something in or behind them that does not belong there. Pure. */
import { OPAQUE_LENGTH } from '../../chat/ids.ts'
import { normalizeTarget, splitTarget } from './request-target.ts'

/** The addresses that people and programs share, whatever the id. */
const SHARED = /^\/v1\/(chats|links)\/[^/]+\/?$/

/** What stands behind an address in a sentence: punctuation, quotes, brackets, spaces, in any script. Never a slash. */
const BEHIND = '(?![/\\\\])[\\p{P}\\p{S}\\p{Z}\\p{Cf}\\s]'

/** A shared address with such a run behind it. An id may hold `-` and `_`; behind a whole one they are no part of it. */
const FOLLOWED = new RegExp(
  `^/v1/(chats|links)/(?:([\\w-]{${OPAQUE_LENGTH}})/?(?:${BEHIND})+|([\\w-]{22,})/?(?:(?![-_])${BEHIND})+)/?$`,
  'u'
)
const NOTHING_ELSE = new RegExp(`^(?:${BEHIND})*$`, 'u')

/** `path` as `normalizeTarget` spells it. `undefined`: the address is not one that people and programs share. */
export function sharedNoun(path: string): 'chats' | 'links' | undefined {
  const [, noun] = SHARED.exec(path) ?? FOLLOWED.exec(decoded(path)) ?? []
  return noun === 'chats' || noun === 'links' ? noun : undefined
}

/**
 * Path and query of the address that a browser should have opened instead of this address of the page: without punctuation
 * behind it, and without a user id, which would stay in the history. `undefined`: this one is right.
 */
export function cleanAddress(target: string): string | undefined {
  const { path, rest } = splitTarget(normalizeTarget(target))
  const query = rest.replace(/#.*$/s, '')
  const isShared = sharedNoun(path) !== undefined
  const cleanPath = isShared ? withoutRun(path) : '/'
  const cleanQuery = isShared && isRun(query) ? '' : withoutUserIds(query)
  return (isShared && cleanPath !== path) || cleanQuery !== query ? cleanPath + cleanQuery : undefined
}

function withoutRun(path: string): string {
  const [, noun, whole, other] = FOLLOWED.exec(decoded(path)) ?? []
  return noun === undefined ? path : `/v1/${noun}/${whole ?? other}`
}

/** Behind a `?` that belongs to the sentence, the rest of the run is in the query. */
function isRun(query: string): boolean {
  return query.startsWith('?') && NOTHING_ELSE.test(decoded(query))
}

/** The names under which answers give a user id and requests take it, in any spelling: `user_id`, `clientId`. */
const USER_IDS = new Set(['userid', 'authorid', 'clientid'])

/** The other members stay as they are, byte for byte. */
function withoutUserIds(query: string): string {
  const members = query.slice(1).split('&')
  const kept = members.filter((member) => {
    const name = decoded(member.replace(/=.*$/s, ''))
    return !USER_IDS.has(name.replaceAll(/[-_+\s]/g, '').toLowerCase())
  })
  if (kept.length === members.length) return query
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

/** As it is where it cannot be decoded. An encoded slash stays encoded: it separates nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll(/%(?=2f|5c)/gi, '%25'))
  } catch {
    return text
  }
}
