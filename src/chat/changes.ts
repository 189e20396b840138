/**
 * How a door changes: links are made and end, guests ask and leave, the owner lets in and turns away. Pure functions
 * that take a door and what somebody wants, and say what comes of it: the new door and the events that follow.
 */

import {
  type ApprovedRequest,
  type DeclinedRequest,
  type Door,
  type EndedRequest,
  isEnded,
  type JoinRequest,
  type Link,
  type LinkEnding,
  linkOf,
  openLink,
  type Refusal,
  type RequestIdentity,
  requestAt,
  requestOf,
  requestsAt
} from './door.ts'
import type { JoinEvent } from './events.ts'
import type { ChatId, LinkId, RequestId, Source, UserDigest } from './ids.ts'

/** At most so many links of a chat work at the same time … */
export const MAX_OPEN_LINKS = 100
/** … and at most so many of them were made without the owner's id. */
export const MAX_OPEN_LINKS_OF_OTHERS = 20
/** At most so many join requests wait at one link. */
export const MAX_WAITING_PER_LINK = 100
/** … and at most so many of them came from one source, which alone cannot use up the places. */
export const MAX_WAITING_PER_SOURCE = 50
/** Of the join requests that have ended, and of the ended links that no request came through, the latest so many are kept … */
export const MAX_ENDED_KEPT = 200
/** … and more of those requests that ended with their link, since many may end at once and are told so only later. */
export const MAX_ENDED_WITH_LINK_KEPT = 1000

/** A door that has changed, what is to be logged with it, and what came of it for who asked. */
export interface Change<Result> {
  readonly door: Door
  readonly events: readonly JoinEvent[]
  readonly result: Result
}

export function newDoor(chat: ChatId, owner: UserDigest, now: number): Door {
  return { chat, owner, createdAt: now, rights: 0, links: [], nextExpiry: null, requests: new Map() }
}

/** What a link is limited to; see `Link`. */
export type LinkLimits = Pick<Link, 'expiresAt' | 'maxGuests'>

const UNLIMITED: LinkLimits = { expiresAt: null, maxGuests: null }

/** Anybody who knows the chat may invite; who is not its owner may make fewer links. */
export function addLink(
  door: Door,
  id: LinkId,
  maker: UserDigest | undefined,
  now: number,
  { expiresAt, maxGuests }: LinkLimits = UNLIMITED
): Change<Link> | Refusal {
  const madeByOwner = maker === door.owner
  const open = door.links.filter(({ ended }) => ended === null)
  const ofOthers = open.filter((link) => !link.madeByOwner).length
  if (open.length >= MAX_OPEN_LINKS) return { refused: 'too-many-links' }
  if (!madeByOwner && ofOthers >= MAX_OPEN_LINKS_OF_OTHERS) return { refused: 'too-many-links' }
  const link: Link = { id, createdAt: now, madeByOwner, expiresAt, maxGuests, ended: null }
  return { door: withLinks(door, [...door.links, link]), events: [], result: link }
}

/** The owner ends a link. One that has ended already stays as it is. */
export function revokeLink(door: Door, id: LinkId, by: UserDigest, now: number): Change<undefined> | Refusal {
  const link = linkOf(door, id)
  if (link === undefined) return { refused: 'link-not-found' }
  if (by !== door.owner) return { refused: 'not-the-owner' }
  if (link.ended !== null) return { door, events: [], result: undefined }
  return endLink({ door, events: [], result: undefined }, link, 'revoked', now)
}

/** Ends the links whose time is up by `now`, each as of its own instant. Gives the same door if there is none. */
export function expireLinks(door: Door, now: number): Change<undefined> {
  const change: Change<undefined> = { door, events: [], result: undefined }
  if (door.nextExpiry === null || now < door.nextExpiry) return change
  return door.links
    .flatMap((link) => (link.ended === null && link.expiresAt !== null ? [{ link, at: link.expiresAt }] : []))
    .filter(({ at }) => at <= now)
    .sort((one, other) => one.at - other.at)
    .reduce((so, { link, at }) => endLink(so, link, 'expired', at), change)
}

/** Somebody new opens a link. `asked.id` must be free in this chat (`requestIdIsTaken`). */
export function knock(door: Door, asked: RequestIdentity, source?: Source): Change<JoinRequest> | Refusal {
  const link = openLink(door, asked.link)
  if ('refused' in link) return link
  const waiting = requestsAt(door, asked.link).filter((request) => request.state === 'pending')
  const ofSource = source === undefined ? [] : waiting.filter((request) => request.source === source)
  if (waiting.length >= MAX_WAITING_PER_LINK || ofSource.length >= MAX_WAITING_PER_SOURCE) {
    return { refused: 'too-many-waiting' }
  }
  const request: JoinRequest = { ...asked, state: 'pending', decidedAt: null }
  const kept = source === undefined ? request : { ...request, source }
  return { door: withRequest(door, kept), events: [{ type: 'join_request', request }], result: request }
}

/** Which request the owner decides on: a link and, if need be, a request id. */
export interface RequestRef {
  readonly link: LinkId
  readonly id: RequestId | undefined
}

/** The owner lets a guest in. Without an id it must be clear who is meant. Approving twice changes nothing. */
export function approve(
  door: Door,
  { link, id }: RequestRef,
  by: UserDigest,
  now: number
): Change<ApprovedRequest> | Refusal {
  const request = decidable(door, { link, id }, by, ['pending', 'approved'])
  if ('refused' in request) return request
  if (request.state === 'approved') return { door, events: [], result: request }
  const open = openLink(door, link)
  if (isEnded(request) && (request.state === 'closed' || 'refused' in open)) {
    return { refused: 'request-closed', state: request.state }
  }
  const approved: ApprovedRequest = { ...identityOf(request), state: 'approved', decidedAt: now }
  const event: JoinEvent = { type: 'join_approved', request: approved }
  const change = { door: withRequest(door, approved), events: [event], result: approved }
  if ('refused' in open || open.maxGuests === null) return change
  const inside = requestsAt(change.door, link).filter(({ state }) => state === 'approved').length
  return inside < open.maxGuests ? change : endLink(change, open, 'full', now)
}

/** The owner turns a guest away, also one who is in. Without an id only one who waits is meant. Twice changes nothing. */
export function decline(door: Door, meant: RequestRef, by: UserDigest, now: number): Change<DeclinedRequest> | Refusal {
  const request = decidable(door, meant, by, ['pending'])
  if ('refused' in request) return request
  if (request.state === 'declined') return { door, events: [], result: request }
  if (request.state === 'closed') return { refused: 'request-closed', state: request.state }
  const declined: DeclinedRequest = { ...identityOf(request), state: 'declined', decidedAt: now }
  return {
    ...closeRequest(door, request, declined),
    events: [{ type: 'join_declined', request: declined }],
    result: declined
  }
}

/** A guest takes the own request back or leaves the chat. Once the request has ended this changes nothing. */
export function leave(door: Door, link: LinkId, guest: UserDigest, now: number): Change<undefined> | Refusal {
  const request = requestOf(door, link, guest)
  if ('refused' in request) return request
  if (isEnded(request)) return { door, events: [], result: undefined }
  const closed: JoinRequest = { ...identityOf(request), state: 'closed', reason: 'left', decidedAt: now }
  return {
    ...closeRequest(door, request, closed),
    events: [{ type: 'join_closed', request: closed }],
    result: undefined
  }
}

/** The request that the owner means: the one named, or else the only one in the first of `states` that any is in. */
function decidable(
  door: Door,
  { link, id }: RequestRef,
  by: UserDigest,
  states: readonly JoinRequest['state'][]
): JoinRequest | Refusal {
  if (linkOf(door, link) === undefined) return { refused: 'link-not-found' }
  // What does not exist is refused before who may not.
  const named = id === undefined ? undefined : requestAt(door, link, id)
  if (named !== undefined && 'refused' in named) return named
  if (by !== door.owner) return { refused: 'not-the-owner' }
  if (named !== undefined) return named
  const requests = requestsAt(door, link)
  const candidates = states.map((state) => requests.filter((request) => request.state === state))
  const [first, ...others] = candidates.find(({ length }) => length > 0) ?? []
  if (first === undefined) return { refused: 'nobody-asked' }
  if (others.length === 0) return first
  const pending = requests.filter(({ state }) => state === 'pending')
  return { refused: 'several-requests', pending: pending.map(({ id }) => id) }
}

/** A link takes nobody new from `at` on, and nobody waits at it any more. */
function endLink<Result>(change: Change<Result>, { id }: Link, why: LinkEnding, at: number): Change<Result> {
  const links = change.door.links.map((link) => (link.id === id ? { ...link, ended: { why, at } } : link))
  const closed = requestsAt(change.door, id)
    .filter(({ state }) => state === 'pending')
    .map((request): EndedRequest => ({ ...identityOf(request), state: 'closed', reason: why, decidedAt: at }))
  const requests = new Map(change.door.requests)
  for (const request of closed) requests.set(request.guest, request)
  const events = closed.map((request): JoinEvent => ({ type: 'join_closed', request }))
  return {
    door: forgetEnded(withLinks({ ...change.door, requests }, links)),
    events: [...change.events, ...events],
    result: change.result
  }
}

/** The door once a request has ended; who was in has lost a right. */
function closeRequest(door: Door, request: JoinRequest, ended: EndedRequest): { door: Door } {
  const rights = request.state === 'approved' ? door.rights + 1 : door.rights
  return { door: forgetEnded(withRequest({ ...door, rights }, ended)) }
}

function identityOf({ id, link, guest, name, requestedAt }: JoinRequest): RequestIdentity {
  return { id, link, guest, name, requestedAt }
}

/** Copies all requests: a knock or an approval costs about 0.1 ms for every thousand that the chat has. */
function withRequest(door: Door, request: JoinRequest): Door {
  return { ...door, requests: new Map(door.requests).set(request.guest, request) }
}

function withLinks(door: Door, links: readonly Link[]): Door {
  const expiries = links.flatMap(({ ended, expiresAt }) => (ended === null && expiresAt !== null ? [expiresAt] : []))
  return { ...door, links, nextExpiry: expiries.length === 0 ? null : Math.min(...expiries) }
}

/** Knocking and hanging up for ever, or making links and revoking them, must not grow a door. */
function forgetEnded(door: Door): Door {
  const all = [...door.requests.values()]
  const requests = new Map(door.requests)
  const ended = all.filter(isEnded)
  const withLink = ended.filter((request) => request.state === 'closed' && request.reason !== 'left')
  const others = ended.filter((request) => request.state === 'declined' || request.reason === 'left')
  for (const { guest } of [
    ...oldest(others, MAX_ENDED_KEPT, ({ decidedAt }) => decidedAt),
    ...oldest(withLink, MAX_ENDED_WITH_LINK_KEPT, ({ decidedAt }) => decidedAt)
  ]) {
    requests.delete(guest)
  }
  const inUse = new Set([...requests.values()].map(({ link }) => link))
  const endedLinks = door.links.flatMap(({ id, ended }) => (ended && !inUse.has(id) ? [{ id, at: ended.at }] : []))
  const forgotten = new Set(oldest(endedLinks, MAX_ENDED_KEPT, ({ at }) => at).map(({ id }) => id))
  const links = forgotten.size === 0 ? door.links : door.links.filter(({ id }) => !forgotten.has(id))
  return { ...door, requests, links }
}

/** All but the latest so many. */
function oldest<Item>(items: readonly Item[], kept: number, at: (item: Item) => number): Item[] {
  if (items.length <= kept) return []
  return [...items].sort((one, other) => at(one) - at(other)).slice(0, -kept)
}
