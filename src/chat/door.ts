/**
 * The door of a chat: its owner, its links, its join requests and members, and the rules about who can do what. Pure:
 * time, ids and digests are arguments. `changes.ts` has the functions that change a door.
 */
import type { ChatId, LinkId, NetworkDigest, RequestId, UserDigest } from './ids.ts'
import { invitesOf, type Profile } from './profile.ts'
import type { Requests } from './requests.ts'

/** Instants are milliseconds since the Unix epoch. A door is immutable. */
export interface Door {
  readonly chat: ChatId
  readonly owner: UserDigest
  readonly createdAt: number
  /** Increases only when somebody loses a right. A store compares it to detect a stale permission. */
  readonly rights: number
  readonly profile: Profile
  /** Oldest first. */
  readonly links: readonly Link[]
  /** When the next open link expires; null if none does. */
  readonly nextExpiry: number | null
  /** By guest, oldest first. */
  readonly requests: Requests
}

/** Why a link stopped working. Members who joined through it stay. */
export type LinkEnding = 'expired' | 'revoked' | 'full'

export interface Link {
  readonly id: LinkId
  readonly createdAt: number
  readonly madeByOwner: boolean
  /** The member who has made it, by the code of their request. */
  readonly madeBy?: RequestId
  /** From this instant on the link does not work; null for never. */
  readonly expiresAt: number | null
  /** The link ends as `full` when it has this many members at the same time; null for no limit. */
  readonly maxGuests: number | null
  /** Null while the link is open. A link that has ended never opens again. */
  readonly ended: { readonly why: LinkEnding; readonly at: number } | null
  /** Oldest first. Absent for none. */
  readonly blocks?: readonly Block[]
}

/** Nobody in this network can ask to join through the link. */
export interface Block {
  readonly network: NetworkDigest
  /** The request with which the owner has blocked it. */
  readonly request: RequestId
  readonly until: number
}

export interface RequestIdentity {
  readonly id: RequestId
  readonly link: LinkId
  readonly guest: UserDigest
  /** The name that the guest entered. */
  readonly name: string | null
  readonly requestedAt: number
  /** What the guest has told the owner. Absent for nothing. */
  readonly note?: string
  /** Where the guest asked from. Absent if that was not told, of requests of earlier versions, and a day after the end. */
  readonly network?: NetworkDigest
  /** It may be the network of a proxy, and so of other guests, too. */
  readonly isNetworkUnsure?: true
}

/**
 * A guest who waits in the same request that asks to join does not have the client id yet, and will never have it if the
 * process dies. Unless the id is used before this instant, the request is withdrawn then.
 */
interface Provisional {
  readonly provisionalUntil?: number
}

export type PendingRequest = RequestIdentity & {
  readonly state: 'pending'
  readonly decidedAt: null
} & Provisional
export type ApprovedRequest = RequestIdentity & {
  readonly state: 'approved'
  readonly decidedAt: number
} & Provisional
interface Ended {
  readonly decidedAt: number
  /** When the guest was let in last; absent if never, and unknown of requests that earlier versions have stored. */
  readonly admittedAt?: number
}
/** Declined by the owner, before or after approval. The owner can still approve it while its link is open. */
export type DeclinedRequest = RequestIdentity &
  Ended & {
    readonly state: 'declined'
    /** What the owner has told the guest. Absent for nothing. */
    readonly ownerNote?: string
  }
/** Final: the guest withdrew or left, or the link ended. */
export type ClosedRequest = RequestIdentity & Ended & { readonly state: 'closed'; readonly reason: 'left' | LinkEnding }
export type EndedRequest = DeclinedRequest | ClosedRequest
export type JoinRequest = PendingRequest | ApprovedRequest | EndedRequest

/** Why the rules refuse an action. */
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
        | 'invites-closed'
        | 'network-unknown'
    }
  | { readonly refused: 'blocked'; readonly forMs: number }
  | { readonly refused: 'several-requests'; readonly pending: readonly RequestId[] }
  | { readonly refused: 'request-closed'; readonly state: EndedRequest['state'] }

/** Who somebody in the chat is to the others: the owner, or a member by the code of their request. */
export type Sender = 'owner' | RequestId

/** `undefined` for a user who is neither the owner nor a member. */
export function senderOf(door: Door, user: UserDigest): Sender | undefined {
  if (user === door.owner) return 'owner'
  const request = door.requests.get(user)
  return request?.state === 'approved' ? request.id : undefined
}

/** Reading and posting need this. */
export function requireMember(door: Door, user: UserDigest): Sender | Refusal {
  return senderOf(door, user) ?? { refused: 'not-a-member' }
}

/** Creating a link needs this; `user` is undefined for somebody who only knows the URL of the chat. */
export function requireInviter(door: Door, user: UserDigest | undefined): Sender | undefined | Refusal {
  const sender = user && senderOf(door, user)
  return sender === undefined && invitesOf(door.profile) === 'members' ? { refused: 'invites-closed' } : sender
}

/** Closing the chat needs this. */
export function requireOwner(door: Door, user: UserDigest): 'owner' | Refusal {
  return user === door.owner ? 'owner' : { refused: 'not-the-owner' }
}

/** Which join requests to list. Without `last`: all of that state, or of every state. */
export interface WhichRequests {
  readonly state?: 'pending' | 'approved' | 'ended' | undefined
  /** The newest so many of them; with `before`, of those made before this request, which can have any state. */
  readonly last?: number | undefined
  readonly before?: RequestId | undefined
}

export interface ListedRequests {
  /** Oldest first. */
  readonly requests: readonly JoinRequest[]
  /** Whether `last` left out older ones. */
  readonly hasOlder: boolean
}

/** For the owner. */
export function joinRequestsFor(
  door: Door,
  user: UserDigest,
  { state, last, before }: WhichRequests = {}
): ListedRequests | Refusal {
  // 404 comes before 403.
  if (before !== undefined && door.requests.byId(before) === undefined) return { refused: 'request-not-found' }
  if (user !== door.owner) return { refused: 'not-the-owner' }
  const found: JoinRequest[] = []
  for (const request of door.requests.values()) {
    if (request.id === before) break
    if (state === undefined || (isEnded(request) ? 'ended' : request.state) === state) found.push(request)
  }
  const left = Math.max(0, found.length - (last ?? found.length))
  return { requests: found.slice(left), hasOlder: left > 0 }
}

/** Whether the owner has decided or the request has ended, so that waiting for it is over. */
export function isFinal({ state }: JoinRequest): boolean {
  return state !== 'pending'
}

export function isEnded(request: JoinRequest): request is EndedRequest {
  return request.state === 'declined' || request.state === 'closed'
}

/** The reason that the guest sees. */
export function endingOf(request: EndedRequest): 'declined' | ClosedRequest['reason'] {
  return request.state === 'declined' ? 'declined' : request.reason
}

/** See `Provisional`; undefined once the guest has the client id. */
export function provisionalUntil(request: JoinRequest): number | undefined {
  return request.state === 'pending' || request.state === 'approved' ? request.provisionalUntil : undefined
}

/** When something next happens by itself: a link expires, or a provisional request lapses; null for never. */
export function nextDue({ nextExpiry, requests }: Door): number | null {
  const { nextLapse } = requests
  return nextExpiry === null || nextLapse === null ? (nextExpiry ?? nextLapse) : Math.min(nextExpiry, nextLapse)
}

/** Oldest first. */
export function pendingRequests(door: Door): PendingRequest[] {
  const pending = door.links.flatMap(({ id }) => door.requests.at(id).pending)
  return pending.sort((one, other) => one.requestedAt - other.requestedAt)
}

export function requestIdIsTaken(door: Door, id: RequestId): boolean {
  return door.requests.byId(id) !== undefined
}

/** Who has made a link: the owner, a member, or (null) somebody who only knew the URL of the chat. */
export function makerOf({ madeByOwner, madeBy }: Link): Sender | null {
  return madeByOwner ? 'owner' : (madeBy ?? null)
}

/** A link with its numbers of pending requests and of members who joined through it. */
export interface CountedLink {
  readonly link: Link
  readonly pending: number
  readonly approved: number
}

/** For the owner. Oldest first. */
export function linksFor(door: Door, user: UserDigest): readonly CountedLink[] | Refusal {
  if (user !== door.owner) return { refused: 'not-the-owner' }
  return door.links.map((link) => {
    const { pending, approved } = door.requests.at(link.id)
    return { link, pending: pending.length, approved }
  })
}

/** How a user relates to a link: a guest of this link, or the owner or a member who joined through another link. */
export type Standing = { readonly is: 'guest'; readonly request: JoinRequest } | { readonly is: 'inside' }

/** Unknown user ids are refused: only the server creates them. */
export function standingAt(door: Door, link: LinkId, user: UserDigest): Standing | Refusal {
  if (linkOf(door, link) === undefined) return { refused: 'link-not-found' }
  const request = door.requests.get(user)
  if (request?.link === link) return { is: 'guest', request }
  return senderOf(door, user) ? { is: 'inside' } : { refused: 'not-this-guest' }
}

/** The join request of a guest of this link. */
export function requestOf(door: Door, link: LinkId, user: UserDigest): JoinRequest | Refusal {
  const standing = standingAt(door, link, user)
  if ('refused' in standing) return standing
  return standing.is === 'guest' ? standing.request : { refused: 'not-this-guest' }
}

/** The link, if a newcomer can still join through it. */
export function openLink(door: Door, id: LinkId): Link | Refusal {
  const link = linkOf(door, id)
  if (link === undefined) return { refused: 'link-not-found' }
  return link.ended === null ? link : { refused: `link-${link.ended.why}` }
}

/** How long a block lasts, and how long the network of a request is kept after it has ended. */
export const BLOCK_MS = 86_400_000

/** The link, if a newcomer from this network can ask to join through it. */
export function linkFor(door: Door, id: LinkId, network: NetworkDigest | undefined, now: number): Link | Refusal {
  const link = openLink(door, id)
  if ('refused' in link) return link
  const ends = (link.blocks ?? []).flatMap((block) => (block.network === network ? [block.until] : []))
  const until = Math.max(now, ...ends)
  return until > now ? { refused: 'blocked', forMs: until - now } : link
}

/** Where a guest asked from, if that is known and nobody else's. */
export function networkToBlock(request: JoinRequest, now: number): NetworkDigest | undefined {
  const isForgotten = isEnded(request) && request.decidedAt + BLOCK_MS <= now
  return isForgotten || request.isNetworkUnsure ? undefined : request.network
}

/**
 * `approval_status`. If a request id is given or the user is a guest, it is about that request. Otherwise it is about the
 * whole link: true if somebody has joined through it and no request is pending.
 */
export function approvalAt(
  door: Door,
  link: LinkId,
  user: UserDigest | undefined,
  id: RequestId | undefined
): boolean | Refusal {
  if (linkOf(door, link) === undefined) return { refused: 'link-not-found' }
  // 404 comes before 403.
  const named = id === undefined ? undefined : requestAt(door, link, id)
  if (named !== undefined && 'refused' in named) return named
  const ownRequest = user === undefined ? undefined : door.requests.get(user)
  if (user !== undefined && user !== door.owner && ownRequest?.link !== link) return { refused: 'not-this-guest' }
  if (named !== undefined) return named.state === 'approved'
  if (ownRequest !== undefined) return ownRequest.state === 'approved'
  const { pending, approved } = door.requests.at(link)
  return approved > 0 && pending.length === 0
}

export function linkOf(door: Door, id: LinkId): Link | undefined {
  return door.links.find((link) => link.id === id)
}

export function requestAt(door: Door, link: LinkId, id: RequestId): JoinRequest | Refusal {
  const request = door.requests.byId(id)
  return request?.link === link ? request : { refused: 'request-not-found' }
}
