/** JSON views of domain objects, with URLs on the base of the reader's request. */
import type { z } from 'zod'
import type { DecidedAll } from '../chat/changes.ts'
import {
  type ApprovedRequest,
  type CountedLink,
  type EndedRequest,
  endingOf,
  isEnded,
  type JoinRequest,
  type Link,
  makerOf
} from '../chat/door.ts'
import type { ChatId, LinkId } from '../chat/ids.ts'
import type { Member } from '../chat/members.ts'
import { invitesOf, type Profile, type ToldProfile } from '../chat/profile.ts'
import type { Doorstep, GuestExchange } from '../chat/service.ts'
import type { approval, decidedAll } from './schemas/approval.ts'
import type { chatMember, ownProfile } from './schemas/chats.ts'
import type { joinRequest } from './schemas/join-requests.ts'
import type { exchange, link, links } from './schemas/links.ts'
import type { approvalEventData, memberEventData, toldProfile } from './schemas/streams.ts'
import { type Base, chatEventsUrl, chatUrl, linkEventsUrl, linkUrl } from './urls.ts'

const iso = (instant: number): string => new Date(instant).toISOString()

export function joinRequestView(base: Base, request: JoinRequest): z.output<typeof joinRequest> {
  return {
    request_id: request.id,
    link: linkUrl(base, request.link),
    name: request.name,
    note: request.note ?? null,
    state: request.state,
    approval_status: request.state === 'approved',
    requested_at: iso(request.requestedAt),
    decided_at: isoOrNull(request.decidedAt)
  }
}

/** The title and the owner's name, as all members are told of them. */
export function toldProfileView({ title, ownerName }: ToldProfile): z.output<typeof toldProfile> {
  return { title, owner_name: ownerName }
}

/** For the owner. */
export function ownProfileView(profile: Profile): z.output<typeof ownProfile> {
  return { title: profile.title, name: profile.ownerName, invites: invitesOf(profile) }
}

export function memberView({ from, name, since, until }: Member): z.output<typeof chatMember> {
  return { from, name, since: iso(since), until: isoOrNull(until) }
}

/** Somebody has become a member, or is one no more. */
export function memberEventView(request: ApprovedRequest | EndedRequest): z.output<typeof memberEventData> {
  const reason = isEnded(request) ? (endingOf(request) === 'left' ? 'left' : 'removed') : null
  return { from: request.id, name: request.name, reason }
}

const isoOrNull = (instant: number | null): string | null => (instant === null ? null : iso(instant))

export function linkView(base: Base, chat: ChatId, { id, expiresAt, maxGuests }: Link): z.output<typeof link> {
  return {
    link: linkUrl(base, id),
    chat: chatUrl(base, chat),
    expires_at: isoOrNull(expiresAt),
    max_guests: maxGuests
  }
}

export function countedLinkView(
  base: Base,
  { link, pending, approved }: CountedLink
): z.output<typeof links>['links'][number] {
  return {
    link: linkUrl(base, link.id),
    state: link.ended?.why ?? 'open',
    expires_at: isoOrNull(link.expiresAt),
    max_guests: link.maxGuests,
    pending,
    approved,
    created_at: iso(link.createdAt),
    made_by: makerOf(link)
  }
}

export function decisionView(base: Base, request: ApprovedRequest | EndedRequest): z.output<typeof approval> {
  return {
    approval_status: request.state === 'approved',
    state: request.state,
    link: linkUrl(base, request.link),
    request_id: request.id,
    decided_at: iso(request.decidedAt)
  }
}

type Guest = Omit<GuestExchange, 'is'>

export function decidedAllView(
  base: Base,
  link: LinkId,
  verdict: 'approve' | 'decline',
  { decided, left }: DecidedAll
): z.output<typeof decidedAll> {
  return { approval_status: verdict === 'approve', link: linkUrl(base, link), decided: [...decided], left: [...left] }
}

/** A join request as its own guest sees it. */
export function guestView(
  base: Base,
  { chat, client, request, title }: Guest,
  isOwnerPresent: boolean
): z.output<typeof exchange> {
  const common = {
    link: linkUrl(base, request.link),
    request_sent_status: true,
    client_id: client,
    request_id: request.id,
    title,
    owner_present: isOwnerPresent
  }
  switch (request.state) {
    case 'pending':
      return {
        ...common,
        approval_status: false,
        state: 'pending',
        chat: null,
        events: linkEventsUrl(base, request.link),
        message:
          'Waiting for the owner to decide. To check again, send this client_id (Authorization: Bearer …); without it you ask to join as a new guest.'
      }
    case 'approved':
      return {
        ...common,
        approval_status: true,
        state: 'approved',
        chat: chatUrl(base, chat),
        events: chatEventsUrl(base, chat),
        message: 'You are a member. Read, post and follow the chat with this client_id (Authorization: Bearer …).'
      }
    case 'declined':
    case 'closed':
      return {
        ...common,
        approval_status: false,
        state: request.state,
        chat: null,
        events: linkEventsUrl(base, request.link),
        message: MESSAGE_BY_ENDING[endingOf(request)]
      }
  }
}

/** For guests whose request has ended. */
const MESSAGE_BY_ENDING: Record<ReturnType<typeof endingOf>, string> = {
  declined: 'The owner has declined your request or removed you from the chat.',
  left: 'You have withdrawn your request or left the chat. Open the link without a user id to ask again.',
  expired: 'This link expired before your request was decided. Ask for a new link.',
  revoked: 'This link was revoked before your request was decided. Ask for a new link.',
  full: 'This link reached its maximum number of guests before your request was decided. Ask for a new link.'
}

/** A link as the owner sees it, or a member who joined through another link. */
export function insideView(
  base: Base,
  { chat, link, title }: Doorstep,
  isOwnerPresent: boolean
): z.output<typeof exchange> {
  return {
    link: linkUrl(base, link),
    request_sent_status: false,
    approval_status: true,
    state: 'approved',
    chat: chatUrl(base, chat),
    client_id: null,
    request_id: null,
    title,
    owner_present: isOwnerPresent,
    events: chatEventsUrl(base, chat),
    message: 'You are already in this chat. This link is for inviting others.'
  }
}

export function approvalEventView(
  base: Base,
  guest: Guest,
  isOwnerPresent: boolean
): z.output<typeof approvalEventData> {
  const { request } = guest
  return {
    ...guestView(base, guest, isOwnerPresent),
    reason: isEnded(request) ? endingOf(request) : null,
    note: (request.state === 'declined' && request.ownerNote) || null
  }
}
