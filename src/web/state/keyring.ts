/** The keys of this browser to its chats, and how keys from another device join them. Pure. */
import type { KeyringEntry } from '../../client/index.ts'
import { problemOf } from './names.ts'

export interface ChatKey {
  readonly userId: string
  /** The name of this person in the chat; empty for none. */
  readonly name: string
  /** When this browser stored it, in milliseconds since the Unix epoch. */
  readonly since: number
  /** The path of the link through which this guest joined, which leaving needs; the owner has none. */
  readonly link?: string | undefined
  /** The key no longer gave access when it was last used. The owner can approve a removed guest again. */
  readonly hasEnded?: boolean
  /** Other keys to the same chat. One is used when this one has ended. */
  readonly spare?: readonly SpareKey[]
  /** The names of other recent authors, as a label of the chat. */
  readonly others?: readonly string[]
}

export type SpareKey = Pick<ChatKey, 'userId' | 'name' | 'link' | 'hasEnded'>

/** The keys of this browser to one chat: the one that it uses first. */
export function entriesOf(chatUrl: string, { spare = [], ...own }: ChatKey): KeyringEntry[] {
  const { origin } = new URL(chatUrl)
  return [own, ...spare].map(({ userId, name, link }) => ({
    chat: chatUrl,
    role: link === undefined ? 'owner' : 'guest',
    userId,
    name: name === '' ? null : name,
    link: link === undefined ? null : origin + link
  }))
}

/** A key as this browser stores it. */
export function keyOf({ userId, name, link }: KeyringEntry, now: number): ChatKey {
  return {
    userId,
    name: name !== null && problemOf(name) === '' ? name : '',
    since: now,
    ...(link !== null && { link: new URL(link).pathname })
  }
}

/**
 * What this browser stores after it has got another key to the same chat. No key is lost: an owner's key is used rather than a
 * guest's, one that gives access rather than one that did not, otherwise the one that was here; the other is kept aside.
 */
export function merged(here: ChatKey | undefined, taken: ChatKey): ChatKey {
  if (here === undefined) return taken
  const { spare = [], ...own } = here
  if (own.userId === taken.userId) return { ...taken, ...here, hasEnded: false }
  const [used, other] = rankOf(taken) > rankOf(own) ? [taken, own] : [own, taken]
  const kept = [spareOf(other), ...spare].filter(
    ({ userId }, index, all) => userId !== used.userId && all.findIndex((one) => one.userId === userId) === index
  )
  return { ...used, ...(own.others && { others: own.others }), spare: kept }
}

/** The key to use after the present one has ended, if one that was kept aside can still give access. */
export function withoutEnded({ spare = [], ...ended }: ChatKey): ChatKey | undefined {
  const next = spare.find(({ hasEnded }) => hasEnded !== true)
  if (next === undefined) return undefined
  const { since, others } = ended
  const kept = [...spare.filter((one) => one !== next), { ...spareOf(ended), hasEnded: true }]
  return { ...next, since, ...(others && { others }), spare: kept }
}

function rankOf({ hasEnded, link }: ChatKey): number {
  if (hasEnded === true) return 0
  return link === undefined ? 2 : 1
}

function spareOf({ userId, name, link, hasEnded }: SpareKey): SpareKey {
  return { userId, name, ...(link !== undefined && { link }), ...(hasEnded === true && { hasEnded }) }
}
