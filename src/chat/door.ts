/**
 * The rules of the door: who owns a chat, which links lead to it, who has asked and who is in. Pure functions: they
 * take a door and what somebody wants, and say what comes of it. Time, ids and digests come in as values.
 */
import type { ChatId, LinkId, RequestId, UserDigest } from '../ids.ts'
import type { JoinEvent } from './events.ts'

/** At most so many links of a chat work at the same time … */
export const MAX_OPEN_LINKS = 100
/** … and at most so many of them were made without the owner's id. */
export const MAX_OPEN_LINKS_OF_OTHERS = 20
/** At most so many join requests wait at one link. */
export const MAX_WAITING_PER_LINK = 100
/** Of the join requests that have ended the latest so many are remembered. */
export const MAX_ENDED_KEPT = 200

/** Instants are milliseconds since the Unix epoch. A door is never changed in place. */
export interface Door {
  readonly chat: ChatId
  readonly owner: UserDigest
  readonly createdAt: number
  /** Rises only when somebody loses a right, so a store can tell a stale permission from a good one. */
  readonly rights: number
  /** Oldest first. */
  readonly links: readonly Link[]
  /** By guest, oldest first. */
  readonly requests: ReadonlyMap<UserDigest, JoinRequest>
}

export interface Link {
  readonly id: LinkId
  readonly createdAt: number
  readonly madeByOwner: boolean
}

interface Asked {
  readonly id: RequestId
  readonly link: LinkId
  readonly guest: UserDigest
  /** What the guest chose to be called. */
  readonly name: string | null
  readonly requestedAt: number
}

type PendingRequest = Asked & { readonly state: 'pending'; readonly decidedAt: null }
export type ApprovedRequest = Asked & { readonly state: 'approved'; readonly decidedAt: number }
/** Nothing of such a guest is accepted any more. `left`: taken back, or left. */
type ClosedRequest = Asked & { readonly state: 'closed'; readonly reason: 'left'; readonly decidedAt: number }
export type JoinRequest = PendingRequest | ApprovedRequest | ClosedRequest

/** Why the door did not do what was asked. */
export type Refusal =
  | {
      readonly refused:
        | 'link-not-found'
        | 'request-not-found'
        | 'not-a-member'
        | 'not-the-owner'
        | 'not-this-guest'
        | 'too-many-links'
        | 'too-many-waiting'
        | 'nobody-asked'
        | 'request-closed'
    }
  | { readonly refused: 'several-requests'; readonly pending: readonly RequestId[] }

/** A door that has changed, what is to be logged with it, and what came of it for who asked. */
export interface Change<Result> {
  readonly door: Door
  readonly events: readonly JoinEvent[]
  readonly result: Result
}

export function newDoor(chat: ChatId, owner: UserDigest, now: number): Door {
  return { chat, owner, createdAt: now, rights: 0, links: [], requests: new Map() }
}

/** The one answer to "who is this": the owner, a member, or (`undefined`) nobody here. */
export function roleOf(door: Door, user: UserDigest): 'owner' | 'member' | undefined {
  if (user === door.owner) return 'owner'
  return door.requests.get(user)?.state === 'approved' ? 'member' : undefined
}

/** Reading and posting are for the owner and for members. */
export function enter(door: Door, user: UserDigest): 'owner' | 'member' | Refusal {
  return roleOf(door, user) ?? { refused: 'not-a-member' }
}

/** The list of who has asked is for the owner alone; oldest first. */
export function joinRequestsFor(door: Door, user: UserDigest): readonly JoinRequest[] | Refusal {
  return user === door.owner ? [...door.requests.values()] : { refused: 'not-the-owner' }
}

/** A guest whose request is final has nothing more to wait for. */
export function isFinal({ state }: JoinRequest): boolean {
  return state !== 'pending'
}

export function pendingRequests(door: Door): JoinRequest[] {
  return [...door.requests.values()].filter(({ state }) => state === 'pending')
}

/** Anybody who knows the chat may invite; who is not its owner may make fewer links. */
export function addLink(door: Door, id: LinkId, maker: UserDigest | undefined, now: number): Change<Link> | Refusal {
  const madeByOwner = maker === door.owner
  const ofOthers = door.links.filter((link) => !link.madeByOwner).length
  if (door.links.length >= MAX_OPEN_LINKS) return { refused: 'too-many-links' }
  if (!madeByOwner && ofOthers >= MAX_OPEN_LINKS_OF_OTHERS) return { refused: 'too-many-links' }
  const link = { id, createdAt: now, madeByOwner }
  return { door: { ...door, links: [...door.links, link] }, events: [], result: link }
}

/** Who holds a link, seen from the door: its guest, or somebody who is in without it. */
export type Standing = { readonly is: 'guest'; readonly request: JoinRequest } | { readonly is: 'inside' }

/** What a user id is worth at a link. The server alone makes user ids, so one that nobody has here is refused. */
export function standingAt(door: Door, link: LinkId, user: UserDigest): Standing | Refusal {
  if (!hasLink(door, link)) return { refused: 'link-not-found' }
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
export function linkIsOpen(door: Door, link: LinkId): true | Refusal {
  return hasLink(door, link) || { refused: 'link-not-found' }
}

/** Somebody new opens a link. `asked.id` must be free in this chat (`requestIdIsTaken`). */
export function knock(door: Door, asked: Asked): Change<JoinRequest> | Refusal {
  if (!hasLink(door, asked.link)) return { refused: 'link-not-found' }
  const waiting = requestsAt(door, asked.link).filter(({ state }) => state === 'pending').length
  if (waiting >= MAX_WAITING_PER_LINK) return { refused: 'too-many-waiting' }
  const request: JoinRequest = { ...asked, state: 'pending', decidedAt: null }
  return { door: withRequest(door, request), events: [{ type: 'join_request', request }], result: request }
}

export function requestIdIsTaken(door: Door, id: RequestId): boolean {
  return [...door.requests.values()].some((request) => request.id === id)
}

/** The owner lets a guest in. Without `id` it must be clear who is meant. Approving twice changes nothing. */
export function approve(
  door: Door,
  link: LinkId,
  by: UserDigest,
  id: RequestId | undefined,
  now: number
): Change<ApprovedRequest> | Refusal {
  if (!hasLink(door, link)) return { refused: 'link-not-found' }
  // What does not exist is refused before who may not.
  const named = id === undefined ? undefined : requestAt(door, link, id)
  if (named !== undefined && 'refused' in named) return named
  if (by !== door.owner) return { refused: 'not-the-owner' }
  const request = named ?? theOneMeant(door, link)
  if ('refused' in request) return request
  if (request.state === 'approved') return { door, events: [], result: request }
  if (request.state === 'closed') return { refused: 'request-closed' }
  const approved: ApprovedRequest = { ...request, state: 'approved', decidedAt: now }
  return { door: withRequest(door, approved), events: [{ type: 'join_approved', request: approved }], result: approved }
}

/** A guest takes the own request back, even if it was approved meanwhile. Once it has ended this changes nothing. */
export function takeBack(door: Door, guest: UserDigest, now: number): Change<undefined> {
  const request = door.requests.get(guest)
  if (request === undefined || request.state === 'closed') return { door, events: [], result: undefined }
  const closed: JoinRequest = { ...request, state: 'closed', reason: 'left', decidedAt: now }
  const rights = request.state === 'approved' ? door.rights + 1 : door.rights
  const changed = forgetEnded(withRequest({ ...door, rights }, closed))
  return { door: changed, events: [{ type: 'join_closed', request: closed }], result: undefined }
}

/**
 * Is this link approved? Asked with a request id or by a guest it means that request, otherwise the link as a whole:
 * somebody came in through it and nobody waits.
 */
export function approvalAt(
  door: Door,
  link: LinkId,
  user: UserDigest | undefined,
  id: RequestId | undefined
): boolean | Refusal {
  if (!hasLink(door, link)) return { refused: 'link-not-found' }
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

function hasLink(door: Door, id: LinkId): boolean {
  return door.links.some((link) => link.id === id)
}

function requestsAt(door: Door, link: LinkId): JoinRequest[] {
  return [...door.requests.values()].filter((request) => request.link === link)
}

function requestAt(door: Door, link: LinkId, id: RequestId): JoinRequest | Refusal {
  return requestsAt(door, link).find((request) => request.id === id) ?? { refused: 'request-not-found' }
}

function theOneMeant(door: Door, link: LinkId): JoinRequest | Refusal {
  const requests = requestsAt(door, link)
  const pending = requests.filter(({ state }) => state === 'pending')
  const candidates = pending.length > 0 ? pending : requests.filter(({ state }) => state === 'approved')
  const [first, ...others] = candidates
  if (first === undefined) return { refused: 'nobody-asked' }
  return others.length === 0 ? first : { refused: 'several-requests', pending: pending.map(({ id }) => id) }
}

/** Copies all requests: a knock or an approval costs about 0.1 ms for every thousand that the chat has. */
function withRequest(door: Door, request: JoinRequest): Door {
  return { ...door, requests: new Map(door.requests).set(request.guest, request) }
}

/** Knocking and hanging up for ever must not grow a door. */
function forgetEnded(door: Door): Door {
  const ended = [...door.requests.values()].filter((request) => request.state === 'closed')
  if (ended.length <= MAX_ENDED_KEPT) return door
  ended.sort((one, other) => one.decidedAt - other.decidedAt)
  const requests = new Map(door.requests)
  for (const { guest } of ended.slice(0, -MAX_ENDED_KEPT)) requests.delete(guest)
  return { ...door, requests }
}
