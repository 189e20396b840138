/** Repairs addresses that people open with something that does not belong there, such as a full stop at the end. Pure. */
import { OPAQUE_LENGTH } from '../../chat/ids.ts'
import { normalizeTarget, splitTarget } from './request-target.ts'

/** How the paths begin that people share: those of chats, links and handovers. */
const SHARED_START = '/(v1/chats|v1/links|v1/handovers|i)/'

/** Such a path, with any id. */
const SHARED = new RegExp(`^${SHARED_START}[^/]+/?$`)

/** What can follow an address in a sentence: punctuation, quotes, brackets, spaces, in any script. Never a slash. */
const TRAILING = '(?![/\\\\])[\\p{P}\\p{S}\\p{Z}\\p{Cf}\\s]'

/** A shared URL with such characters after it. An id can contain `-` and `_`, but not after its full length. */
const FOLLOWED = new RegExp(
  `^${SHARED_START}(?:([\\w-]{${OPAQUE_LENGTH}})/?(?:${TRAILING})+|([\\w-]{22,})/?(?:(?![-_])${TRAILING})+)/?$`,
  'u'
)
const NOTHING_ELSE = new RegExp(`^(?:${TRAILING})*$`, 'u')

/** `path` as `normalizeTarget` spells it. `undefined`: not the path of a shared URL. */
export function sharedNoun(path: string): 'chats' | 'links' | 'handovers' | undefined {
  const [, start] = SHARED.exec(path) ?? FOLLOWED.exec(decoded(path)) ?? []
  if (start === undefined) return undefined
  return start === 'v1/chats' ? 'chats' : start === 'v1/handovers' ? 'handovers' : 'links'
}

/** The last part of the path of a shared URL. */
export function sharedId(target: string): string | undefined {
  const { path } = splitTarget(normalizeTarget(target))
  return sharedNoun(path) && /\/([\w-]+)\/?$/.exec(path)?.[1]
}

/**
 * The path and query that a browser should open instead of this one: without trailing punctuation, and without a user id,
 * which would stay in the history. `undefined`: this one is right.
 */
export function cleanAddress(target: string): string | undefined {
  const { path, rest } = splitTarget(normalizeTarget(target))
  const query = rest.replace(/#.*$/s, '')
  const isShared = sharedNoun(path) !== undefined
  const cleanPath = isShared ? withoutTrailing(path) : '/'
  const cleanQuery = isShared && isTrailing(query) ? '' : withoutUserIds(query)
  return (isShared && cleanPath !== path) || cleanQuery !== query ? cleanPath + cleanQuery : undefined
}

function withoutTrailing(path: string): string {
  const [, start, whole, other] = FOLLOWED.exec(decoded(path)) ?? []
  return start === undefined ? path : `/${start}/${whole ?? other}`
}

/** After a `?` that belongs to the sentence, the rest of the punctuation is in the query. */
function isTrailing(query: string): boolean {
  return query.startsWith('?') && NOTHING_ELSE.test(decoded(query))
}

/** The names of a user id in requests and answers, without case and separators: `user_id`, `clientId`. */
const USER_IDS = new Set(['userid', 'authorid', 'clientid'])

/** The other members stay unchanged, byte for byte. */
function withoutUserIds(query: string): string {
  const members = query.slice(1).split('&')
  const kept = members.filter((member) => {
    const name = decoded(member.replace(/=.*$/s, ''))
    return !USER_IDS.has(name.replaceAll(/[-_+\s]/g, '').toLowerCase())
  })
  if (kept.length === members.length) return query
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

/** Unchanged if it cannot be decoded. An encoded slash stays encoded, because it separates nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll(/%(?=2f|5c)/gi, '%25'))
  } catch {
    return text
  }
}
