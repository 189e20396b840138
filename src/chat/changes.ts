/**
 * How a door changes: links are created and end, guests knock and leave, the owner approves and declines. Pure
 * functions: each takes a door and an action and returns the new door with the events to log, or a refusal.
 */

import {
  type ApprovedRequest,
  BLOCK_MS,
  type Block,
  type ClosedRequest,
  type DeclinedRequest,
  type Door,
  type EndedRequest,
  isEnded,
  type JoinRequest,
  type Link,
  type LinkEnding,
  linkFor,
  linkOf,
  networkToBlock,
  openLink,
  provisionalUntil,
  type Refusal,
  type RequestIdentity,
  requestAt,
  requestOf,
  requireInviter,
  requireOwner
} from './door.ts'
import type { DoorEvent, JoinEvent } from './events.ts'
import type { ChatId, LinkId, RequestId, UserDigest } from './ids.ts'
import { changedProfile, isToldAlike, NO_PROFILE, type Profile, type ProfileChange, toldProfile } from './profile.ts'
import { Requests } from './requests.ts'

/** Open links per chat. */
export const MAX_OPEN_LINKS = 100
/** Open links per chat that were created without the owner's user id. */
export const MAX_OPEN_LINKS_OF_OTHERS = 20
/** Pending join requests per link. */
export const MAX_WAITING_PER_LINK = 100
/** Pending join requests per chat from one network, so that it cannot fill the door. */
export const MAX_WAITING_PER_NETWORK = 50
/** Blocked networks per link: the latest ones. */
export const MAX_BLOCKS_PER_LINK = 200
/**
 * How many ended join requests of guests who were never let in, and how many ended links without any request, a door keeps: the
 * latest ones.
 */
export const MAX_ENDED_KEPT = 200
/** How many requests that ended with their link are kept. More, because many can end at once before their guests poll. */
export const MAX_ENDED_WITH_LINK_KEPT = 1000

/** The changed door, the events to log with it, and the result for the caller. */
export interface Change<Result> {
  readonly door: Door
  readonly events: readonly DoorEvent[]
  readonly result: Result
}

export function newDoor(chat: ChatId, owner: UserDigest, now: number, profile: Profile = NO_PROFILE): Door {
  return { chat, owner, createdAt: now, rights: 0, profile, links: [], nextExpiry: null, requests: Requests.from([]) }
}

/** For the owner. */
export function changeProfile(door: Door, by: UserDigest, change: ProfileChange): Change<Profile> | Refusal {
  const allowed = requireOwner(door, by)
  if (typeof allowed === 'object') return allowed
  const profile = changedProfile(door.profile, change)
  const events: DoorEvent[] = isToldAlike(profile, door.profile)
    ? []
    : [{ type: 'chat', profile: toldProfile(profile) }]
  return { door: profile === door.profile ? door : { ...door, profile }, events, result: profile }
}

export type LinkLimits = Pick<Link, 'expiresAt' | 'maxGuests'>

const UNLIMITED: LinkLimits = { expiresAt: null, maxGuests: null }

/** Anyone who knows the chat's URL can create links, unless only members can; users other than the owner can create fewer. */
export function addLink(
  door: Door,
  id: LinkId,
  maker: UserDigest | undefined,
  now: number,
  { expiresAt, maxGuests }: LinkLimits = UNLIMITED
): Change<Link> | Refusal {
  const sender = requireInviter(door, maker)
  if (typeof sender === 'object') return sender
  const madeByOwner = sender === 'owner'
  const open = door.links.filter(({ ended }) => ended === null)
  const ofOthers = open.filter((link) => !link.madeByOwner).length
  if (open.length >= MAX_OPEN_LINKS) return { refused: 'too-many-links' }
  if (!madeByOwner && ofOthers >= MAX_OPEN_LINKS_OF_OTHERS) return { refused: 'too-many-links' }
  const madeBy = sender === undefined || sender === 'owner' ? {} : { madeBy: sender }
  const link: Link = { id, createdAt: now, madeByOwner, ...madeBy, expiresAt, maxGuests, ended: null }
  return { door: withLinks(door, [...door.links, link]), events: [], result: link }
}

/** For the owner. A link that has already ended does not change. */
export function revokeLink(door: Door, id: LinkId, by: UserDigest, now: number): Change<undefined> | Refusal {
  const link = linkOf(door, id)
  if (link === undefined) return { refused: 'link-not-found' }
  if (by !== door.owner) return { refused: 'not-the-owner' }
  if (link.ended !== null) return { door, events: [], result: undefined }
  return endLink({ door, events: [], result: undefined }, link, 'revoked', now)
}

/** Ends the links that have expired by `now`, each at its own `expiresAt`. Returns the same door if none has. */
export function expireLinks(door: Door, now: number): Change<undefined> {
  const change: Change<undefined> = { door, events: [], result: undefined }
  if (door.nextExpiry === null || now < door.nextExpiry) return change
  return door.links
    .flatMap((link) => (link.ended === null && link.expiresAt !== null ? [{ link, at: link.expiresAt }] : []))
    .filter(({ at }) => at <= now)
    .sort((one, other) => one.at - other.at)
    .reduce((changed, { link, at }) => endLink(changed, link, 'expired', at), change)
}

/** Expires links and withdraws provisional requests that are due by `now`. Returns the same door if there are none. */
export function applyDue(door: Door, now: number): Change<undefined> {
  return door.requests.provisional().reduce(
    (changed, request) => {
      const until = provisionalUntil(request)
      // Its link may have ended just now, and the request with it.
      if (until === undefined || until > now || changed.door.requests.get(request.guest) !== request) return changed
      const left: ClosedRequest = { ...endOf(request, until), state: 'closed', reason: 'left' }
      const events: DoorEvent[] = [...changed.events, { type: 'join_closed', request: withoutNetwork(left) }]
      return { ...closeRequest(changed.door, request, left), events, result: undefined }
    },
    expireLinks(door, now)
  )
}

export interface KnockOptions {
  /** Whether a network can have only so many pending requests. */
  readonly limitsNetwork?: boolean
  /** Until when the request is provisional; undefined for not at all. */
  readonly provisionalUntil?: number | undefined
}

/** A newcomer opens a link. `identity.id` must be free in this chat (`requestIdIsTaken`). */
export function knock(
  door: Door,
  identity: RequestIdentity,
  { limitsNetwork = true, provisionalUntil }: KnockOptions = {}
): Change<JoinRequest> | Refusal {
  const { network, requestedAt } = identity
  const link = linkFor(door, identity.link, network, requestedAt)
  if ('refused' in link) return link
  const fromThere = network === undefined || !limitsNetwork ? 0 : door.requests.pendingFrom(network)
  if (door.requests.at(identity.link).pending.length >= MAX_WAITING_PER_LINK || fromThere >= MAX_WAITING_PER_NETWORK) {
    return { refused: 'too-many-waiting' }
  }
  const request: JoinRequest = { ...identity, state: 'pending', decidedAt: null }
  const stored = provisionalUntil === undefined ? request : { ...request, provisionalUntil }
  return {
    door: withRequest(door, stored),
    events: [{ type: 'join_request', request: withoutNetwork(request) }],
    result: request
  }
}

/** The request that the owner decides on. Without an id, the link must leave no doubt which one is meant. */
export interface RequestRef {
  readonly link: LinkId
  readonly id: RequestId | undefined
}

/** For the owner. Approving an approved request changes nothing. Otherwise it lifts the block with which it was declined. */
export function approve(
  door: Door,
  { link, id }: RequestRef,
  by: UserDigest,
  now: number
): Change<ApprovedRequest> | Refusal {
  const request = decidable(door, { link, id }, by, 'or an approved one')
  if ('refused' in request) return request
  if (request.state === 'approved') return { door, events: [], result: request }
  const open = openLink(door, link)
  if (isEnded(request) && (request.state === 'closed' || 'refused' in open)) {
    return { refused: 'request-closed', state: request.state }
  }
  if (!('refused' in open) && door.requests.at(link).approved >= (open.maxGuests ?? Number.POSITIVE_INFINITY)) {
    // All seats are taken, but some of them by guests who may never learn of it.
    return { refused: 'link-full' }
  }
  const approved: ApprovedRequest = { ...identityOf(request), state: 'approved', decidedAt: now }
  const event: JoinEvent = { type: 'join_approved', request: withoutNetwork(approved) }
  const until = provisionalUntil(request)
  const stored = until === undefined ? approved : { ...approved, provisionalUntil: until }
  const after = withRequest(
    changeBlocks(door, link, (blocks) => blocks.filter((one) => one.request !== request.id)),
    stored
  )
  return endIfFull({ door: after, events: [event], result: approved }, link, now)
}

/** A guest has the client id: the request is not provisional any more. Otherwise this changes nothing. */
export function claim(door: Door, guest: UserDigest, now: number): Change<undefined> {
  const request = door.requests.get(guest)
  const change: Change<undefined> = { door, events: [], result: undefined }
  if (request === undefined || provisionalUntil(request) === undefined) return change
  return endIfFull({ ...change, door: withRequest(door, claimed(request)) }, request.link, now)
}

function claimed(request: JoinRequest): JoinRequest {
  if (request.state !== 'pending' && request.state !== 'approved') return request
  const { provisionalUntil: _, ...rest } = request
  return rest
}

/** The process of a guest who waits is alive: the request stays provisional until then. */
export function extend(door: Door, guest: UserDigest, until: number): Change<undefined> {
  const request = door.requests.get(guest)
  const change: Change<undefined> = { door, events: [], result: undefined }
  if (request === undefined || provisionalUntil(request) === undefined || isEnded(request)) return change
  return { ...change, door: withRequest(door, { ...request, provisionalUntil: until }) }
}

/** Ends a link whose seats are all taken for good. */
function endIfFull<Result>(change: Change<Result>, id: LinkId, now: number): Change<Result> {
  const link = openLink(change.door, id)
  const { requests } = change.door
  if ('refused' in link || link.maxGuests === null || requests.at(id).approved < link.maxGuests) return change
  const isUnsure = requests.provisional().some((request) => request.link === id && request.state === 'approved')
  return isUnsure ? change : endLink(change, link, 'full', now)
}

export interface DeclineOptions {
  /** What to tell the guest. */
  readonly note?: string | undefined
  /** Whether nobody in the guest's network can ask again through this link for `BLOCK_MS`. */
  readonly block?: boolean | undefined
}

/**
 * For the owner. Declines a pending request or removes a member; without an id it only applies to a pending request.
 * Declining a declined request changes nothing, but can still block; and so can that of a guest who has withdrawn it.
 */
export function decline(
  door: Door,
  ref: RequestRef,
  by: UserDigest,
  now: number,
  { note, block = false }: DeclineOptions = {}
): Change<DeclinedRequest | ClosedRequest> | Refusal {
  const request = decidable(door, ref, by)
  if ('refused' in request) return request
  if (request.state === 'closed' && !(block && request.reason === 'left')) {
    return { refused: 'request-closed', state: request.state }
  }
  const blocked = block ? blockNetwork(door, request, now) : door
  if ('refused' in blocked) return blocked
  if (isEnded(request)) return { door: blocked, events: [], result: request }
  const declined: DeclinedRequest = {
    ...endOf(request, now),
    state: 'declined',
    // A program can send the whole join request back, and with it the guest's own note.
    ...(note !== undefined && note !== request.note && { ownerNote: note })
  }
  // Whoever was removed knows the URL of the chat.
  const invites = request.state === 'approved' ? (door.profile.invites ?? 'members') : undefined
  return {
    ...closeRequest({ ...blocked, profile: changedProfile(door.profile, { invites }) }, request, declined),
    events: [{ type: 'join_declined', request: withoutNetwork(declined) }],
    result: declined
  }
}

function blockNetwork(door: Door, request: JoinRequest, now: number): Door | Refusal {
  const network = networkToBlock(request, now)
  if (network === undefined) return { refused: 'network-unknown' }
  return changeBlocks(door, request.link, (blocks) => {
    const others = blocks.filter((one) => one.request !== request.id)
    return [...others, { network, request: request.id, until: now + BLOCK_MS }].slice(-MAX_BLOCKS_PER_LINK)
  })
}

/** The same door if nothing changes. */
function changeBlocks(door: Door, id: LinkId, change: (blocks: readonly Block[]) => readonly Block[]): Door {
  const blocks = linkOf(door, id)?.blocks ?? []
  const changed = change(blocks)
  if (changed.length === blocks.length && changed.every((block) => blocks.includes(block))) return door
  return { ...door, links: door.links.map((link) => (link.id === id ? { ...link, blocks: changed } : link)) }
}

/** Forgets where guests asked from whose requests ended a day ago, and the blocks that are over. The same door if there are none. */
export function forgetNetworks(door: Door, now: number): Door {
  const isOver = ({ until }: Block) => until <= now
  const withoutBlocks = door.links
    .filter(({ blocks = [] }) => blocks.some(isOver))
    .reduce((so, { id }) => changeBlocks(so, id, (blocks) => blocks.filter((one) => !isOver(one))), door)
  return door.requests
    .endedWithNetwork(now - BLOCK_MS)
    .reduce((so, request) => withRequest(so, withoutNetwork(request)), withoutBlocks)
}

/** `left`: those for whom the link had no seat. Both oldest first. */
export interface DecidedAll {
  readonly decided: readonly RequestId[]
  readonly left: readonly RequestId[]
}

export interface AllOptions {
  readonly by: UserDigest
  readonly verdict: 'approve' | 'decline'
  /** What to tell those who are declined. */
  readonly note?: string | undefined
  readonly among?: readonly RequestId[] | undefined
}

/** For the owner: decides on everybody who waits at a link, oldest first; with `among`, only on those of them. */
export function decideOnAll(
  door: Door,
  id: LinkId,
  { by, verdict, note, among }: AllOptions,
  now: number
): Change<DecidedAll> | Refusal {
  if (linkOf(door, id) === undefined) return { refused: 'link-not-found' }
  if (by !== door.owner) return { refused: 'not-the-owner' }
  const waiting = door.requests.at(id).pending.filter((request) => among === undefined || among.includes(request.id))
  const decided: RequestId[] = []
  const left: RequestId[] = []
  const events: DoorEvent[] = []
  let after = door
  for (const request of waiting) {
    const decision =
      verdict === 'approve' ? approve(after, request, by, now) : decline(after, request, by, now, { note })
    if ('refused' in decision) {
      left.push(request.id)
      continue
    }
    decided.push(request.id)
    events.push(...decision.events)
    after = decision.door
  }
  return { door: after, events, result: { decided, left } }
}

/** A guest withdraws their request or leaves the chat. If the request has ended, this changes nothing. */
export function leave(door: Door, link: LinkId, guest: UserDigest, now: number): Change<undefined> | Refusal {
  const request = requestOf(door, link, guest)
  if ('refused' in request) return request
  if (isEnded(request)) return { door, events: [], result: undefined }
  const closed: ClosedRequest = { ...endOf(request, now), state: 'closed', reason: 'left' }
  return {
    ...closeRequest(door, request, closed),
    events: [{ type: 'join_closed', request: withoutNetwork(closed) }],
    result: undefined
  }
}

/** The request with this id. Without an id: the only pending one, or if none is pending and it was asked for, the only approved one. */
function decidable(
  door: Door,
  { link, id }: RequestRef,
  by: UserDigest,
  orApproved?: 'or an approved one'
): JoinRequest | Refusal {
  if (linkOf(door, link) === undefined) return { refused: 'link-not-found' }
  // 404 comes before 403.
  const named = id === undefined ? undefined : requestAt(door, link, id)
  if (named !== undefined && 'refused' in named) return named
  if (by !== door.owner) return { refused: 'not-the-owner' }
  if (named !== undefined) return named
  const { pending, approved } = door.requests.at(link)
  const [first] = pending
  if (pending.length > 1) return { refused: 'several-requests', pending: pending.map(({ id }) => id) }
  if (first !== undefined) return first
  if (orApproved === undefined || approved === 0) return { refused: 'nobody-asked' }
  if (approved > 1) return { refused: 'several-requests', pending: [] }
  const isOnlyMember = (request: JoinRequest) => request.link === link && request.state === 'approved'
  return [...door.requests.values()].find(isOnlyMember) ?? { refused: 'nobody-asked' }
}

/** Ends a link at the instant `at`, and closes its pending requests. */
function endLink<Result>(change: Change<Result>, { id }: Link, why: LinkEnding, at: number): Change<Result> {
  const links = change.door.links.map((link) => (link.id === id ? { ...link, ended: { why, at } } : link))
  const closed = change.door.requests
    .at(id)
    .pending.map((request): ClosedRequest => ({ ...endOf(request, at), state: 'closed', reason: why }))
  const requests = closed.reduce((so, request) => so.with(request), change.door.requests)
  const events = closed.map((request): JoinEvent => ({ type: 'join_closed', request: withoutNetwork(request) }))
  return {
    door: forgetEnded(withLinks({ ...change.door, requests }, links)),
    events: [...change.events, ...events],
    result: change.result
  }
}

/** The door after a request has ended. Removing a member takes a right away, so `rights` increases. */
function closeRequest(door: Door, request: JoinRequest, ended: EndedRequest): { door: Door } {
  const rights = request.state === 'approved' ? door.rights + 1 : door.rights
  return { door: forgetEnded(withRequest({ ...door, rights }, ended)) }
}

function identityOf(request: JoinRequest): RequestIdentity {
  const { id, link, guest, name, requestedAt, note, network, isNetworkUnsure } = request
  return {
    ...{ id, link, guest, name, requestedAt },
    ...(note !== undefined && { note }),
    ...(network !== undefined && { network }),
    ...(isNetworkUnsure && { isNetworkUnsure })
  }
}

/** Where the guest asked from is kept only for a while, and so is in no event. */
function withoutNetwork(request: JoinRequest): JoinRequest {
  const { network: _, isNetworkUnsure: __, ...rest } = request
  return rest
}

/** What an ended request keeps of the one before. */
function endOf(request: JoinRequest, at: number) {
  const admitted = request.state === 'approved' && { admittedAt: request.decidedAt }
  return { ...identityOf(request), ...admitted, decidedAt: at }
}

function withRequest(door: Door, request: JoinRequest): Door {
  return { ...door, requests: door.requests.with(request) }
}

function withLinks(door: Door, links: readonly Link[]): Door {
  const expiries = links.flatMap(({ ended, expiresAt }) => (ended === null && expiresAt !== null ? [expiresAt] : []))
  return { ...door, links, nextExpiry: expiries.length === 0 ? null : Math.min(...expiries) }
}

/** Drops old ended requests and links, so that clients that knock and disconnect in a loop cannot grow a door. */
function forgetEnded(door: Door): Door {
  const forgottenGuests = [
    ...door.requests.oldestEnded('alone', MAX_ENDED_KEPT),
    ...door.requests.oldestEnded('withLink', MAX_ENDED_WITH_LINK_KEPT)
  ]
  const requests = forgottenGuests.reduce((so, guest) => so.without(guest), door.requests)
  const endedLinks = door.links.flatMap(({ id, ended }) =>
    ended && requests.at(id).kept === 0 ? [{ id, at: ended.at }] : []
  )
  const forgotten = new Set(oldest(endedLinks, MAX_ENDED_KEPT, ({ at }) => at).map(({ id }) => id))
  const links = forgotten.size === 0 ? door.links : door.links.filter(({ id }) => !forgotten.has(id))
  return { ...door, requests, links }
}

/** All items but the latest `keep`. */
function oldest<Item>(items: readonly Item[], keep: number, at: (item: Item) => number): Item[] {
  if (items.length <= keep) return []
  return [...items].sort((one, other) => at(one) - at(other)).slice(0, -keep)
}
