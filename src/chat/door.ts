/**
 * The door: who owns a chat, which links lead to it, who has asked and who is in; and what can be read off it. Pure:
 * time, ids and digests come in as values. How a door changes stands in `changes.ts`.
 */
import type { ChatId, LinkId, RequestId, Source, UserDigest } from './ids.ts'

/** Instants are milliseconds since the Unix epoch. A door is never changed in place. */
export interface Door {
  readonly chat: ChatId
  readonly owner: UserDigest
  readonly createdAt: number
  /** Rises only when somebody loses a right, so a store can tell a stale permission from a good one. */
  readonly rights: number
  /** Oldest first. */
  readonly links: readonly Link[]
  /** When the first of the open links expires; null for never. */
  readonly nextExpiry: number | null
  /** By guest, oldest first. */
  readonly requests: ReadonlyMap<UserDigest, JoinRequest>
}

/** Why a link takes nobody new. Who came in through it stays in. */
export type LinkEnding = 'expired' | 'revoked' | 'full'

export interface Link {
  readonly id: LinkId
  readonly createdAt: number
  readonly madeByOwner: boolean
  /** From this instant on it does not work; null for never. */
  readonly expiresAt: number | null
  /** Once so many are in at the same time it is full; null for any number. */
  readonly maxGuests: number | null
  /** What has ended stays ended. */
  readonly ended: { readonly why: LinkEnding; readonly at: number } | null
}

export interface RequestIdentity {
  readonly id: RequestId
  readonly link: LinkId
  readonly guest: UserDigest
  /** What the guest chose to be called. */
  readonly name: string | null
  readonly requestedAt: number
}

export type PendingRequest = RequestIdentity & {
  readonly state: 'pending'
  readonly decidedAt: null
  /** Where it came from, as far as that limits how many may wait; forgotten once it is decided. */
  readonly source?: Source
}
export type ApprovedRequest = RequestIdentity & { readonly state: 'approved'; readonly decidedAt: number }
/** By the owner, before or after it was approved. May still be approved while its link is open. */
export type DeclinedRequest = RequestIdentity & { readonly state: 'declined'; readonly decidedAt: number }
/** For good: taken back or left by the guest, or ended with its link. */
export type ClosedRequest = RequestIdentity & {
  readonly state: 'closed'
  readonly reason: 'left' | LinkEnding
  readonly decidedAt: number
}
export type EndedRequest = DeclinedRequest | ClosedRequest
export type JoinRequest = PendingRequest | ApprovedRequest | EndedRequest

/** Why the door did not do what was asked. */
export type Refusal =
  | {
      readonly refused:
        | 'link-not-found'
        | 'link-expired'
        | 'link-revoked'
        | 'link-full'
        | 'request-not-found'
        | 'not-a-member'
        | 'not-the-owner'
        | 'not-this-guest'
        | 'too-many-links'
        | 'too-many-waiting'
        | 'nobody-asked'
    }
  | { readonly refused: 'several-requests'; readonly pending: readonly RequestId[] }
  | { readonly refused: 'request-closed'; readonly state: EndedRequest['state'] }

/** The one answer to "who is this": the owner, a member, or (`undefined`) nobody here. */
export function roleOf(door: Door, user: UserDigest): 'owner' | 'member' | undefined {
  if (user === door.owner) return 'owner'
  return door.requests.get(user)?.state === 'approved' ? 'member' : undefined
}

/** Reading and posting are for the owner and for members. */
export function requireMember(door: Door, user: UserDigest): 'owner' | 'member' | Refusal {
  return roleOf(door, user) ?? { refused: 'not-a-member' }
}

/** What is the owner's alone: closing the chat, and the lists of links and requests. */
export function requireOwner(door: Door, user: UserDigest): 'owner' | Refusal {
  return user === door.owner ? 'owner' : { refused: 'not-the-owner' }
}

/** The list of who has asked is for the owner alone; oldest first. */
export function joinRequestsFor(door: Door, user: UserDigest): readonly JoinRequest[] | Refusal {
  return user === door.owner ? [...door.requests.values()] : { refused: 'not-the-owner' }
}

/** A guest whose request is final has nothing more to wait for. */
export function isFinal({ state }: JoinRequest): boolean {
  return state !== 'pending'
}

export function isEnded(request: JoinRequest): request is EndedRequest {
  return request.state === 'declined' || request.state === 'closed'
}

/** Why a request has ended, as the guest is told. */
export function endingOf(request: EndedRequest): 'declined' | ClosedRequest['reason'] {
  return request.state === 'declined' ? 'declined' : request.reason
}

export function pendingRequests(door: Door): PendingRequest[] {
  return [...door.requests.values()].filter((request) => request.state === 'pending')
}

export function requestIdIsTaken(door: Door, id: RequestId): boolean {
  return [...door.requests.values()].some((request) => request.id === id)
}

/** A link with those who wait at it and those who came in through it. */
export interface CountedLink {
  readonly link: Link
  readonly pending: number
  readonly approved: number
}

/** The list of links is for the owner alone; oldest first. */
export function linksFor(door: Door, user: UserDigest): readonly CountedLink[] | Refusal {
  if (user !== door.owner) return { refused: 'not-the-owner' }
  const counts = new Map(door.links.map(({ id }) => [id, { pending: 0, approved: 0 }]))
  for (const { link, state } of door.requests.values()) {
    const count = counts.get(link)
    if (count !== undefined && (state === 'pending' || state === 'approved')) count[state]++
  }
  return door.links.map((link) => ({ link, pending: 0, approved: 0, ...counts.get(link.id) }))
}

/** Who holds a link, seen from the door: its guest, or somebody who is in without it. */
export type Standing = { readonly is: 'guest'; readonly request: JoinRequest } | { readonly is: 'inside' }

/** What a user id is worth at a link. The server alone makes user ids, so one that nobody has here is refused. */
export function standingAt(door: Door, link: LinkId, user: UserDigest): Standing | Refusal {
  if (linkOf(door, link) === undefined) return { refused: 'link-not-found' }
  const request = door.requests.get(user)
  if (request?.link === link) return { is: 'guest', request }
  return roleOf(door, user) ? { is: 'inside' } : { refused: 'not-this-guest' }
}

/** The own request of a guest of this link. */
export function requestOf(door: Door, link: LinkId, user: UserDigest): JoinRequest | Refusal {
  const standing = standingAt(door, link, user)
  if ('refused' in standing) return standing
  return standing.is === 'guest' ? standing.request : { refused: 'not-this-guest' }
}

/** Whether a newcomer would find this link open. */
export function openLink(door: Door, id: LinkId): Link | Refusal {
  const link = linkOf(door, id)
  if (link === undefined) return { refused: 'link-not-found' }
  return link.ended === null ? link : { refused: `link-${link.ended.why}` }
}

/**
 * Is this link approved? RequestIdentity with a request id or by a guest it means that request, otherwise the link as a whole:
 * somebody came in through it and nobody waits.
 */
export function approvalAt(
  door: Door,
  link: LinkId,
  user: UserDigest | undefined,
  id: RequestId | undefined
): boolean | Refusal {
  if (linkOf(door, link) === undefined) return { refused: 'link-not-found' }
  // What does not exist is refused before who may not.
  const named = id === undefined ? undefined : requestAt(door, link, id)
  if (named !== undefined && 'refused' in named) return named
  const own = user === undefined ? undefined : door.requests.get(user)
  if (user !== undefined && user !== door.owner && own?.link !== link) return { refused: 'not-this-guest' }
  if (named !== undefined) return named.state === 'approved'
  if (own !== undefined) return own.state === 'approved'
  const states = requestsAt(door, link).map(({ state }) => state)
  return states.includes('approved') && !states.includes('pending')
}

export function linkOf(door: Door, id: LinkId): Link | undefined {
  return door.links.find((link) => link.id === id)
}

export function requestsAt(door: Door, link: LinkId): JoinRequest[] {
  return [...door.requests.values()].filter((request) => request.link === link)
}

export function requestAt(door: Door, link: LinkId, id: RequestId): JoinRequest | Refusal {
  return requestsAt(door, link).find((request) => request.id === id) ?? { refused: 'request-not-found' }
}
