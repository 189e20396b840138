/** How what the rules and the log hold looks on the wire: with URLs on the reader's own base and without secrets. */
import type { z } from 'zod'
import type { ApprovedRequest, JoinRequest, Link } from './chat/door.ts'
import type { ChatId, LinkId, UserId } from './ids.ts'
import type { approval } from './schemas/approval.ts'
import type { joinRequest } from './schemas/join-requests.ts'
import type { exchange, link } from './schemas/links.ts'
import type { approvalEventData } from './schemas/streams.ts'
import { type Base, chatEventsUrl, chatUrl, linkEventsUrl, linkUrl } from './urls.ts'

const iso = (instant: number): string => new Date(instant).toISOString()

export function joinRequestView(base: Base, request: JoinRequest): z.output<typeof joinRequest> {
  return {
    request_id: request.id,
    link: linkUrl(base, request.link),
    name: request.name,
    state: request.state,
    approval_status: request.state === 'approved',
    requested_at: iso(request.requestedAt),
    decided_at: request.decidedAt === null ? null : iso(request.decidedAt)
  }
}

export function linkView(base: Base, chat: ChatId, { id }: Link): z.output<typeof link> {
  return { link: linkUrl(base, id), chat: chatUrl(base, chat), expires_at: null, max_guests: null }
}

export function approvalView(base: Base, request: ApprovedRequest): z.output<typeof approval> {
  return {
    approval_status: true,
    state: 'approved',
    link: linkUrl(base, request.link),
    request_id: request.id,
    decided_at: iso(request.decidedAt)
  }
}

/** What a guest is told of their own request. */
export function guestView(base: Base, chat: ChatId, client: UserId, request: JoinRequest): z.output<typeof exchange> {
  const own = {
    link: linkUrl(base, request.link),
    request_sent_status: true,
    client_id: client,
    request_id: request.id
  }
  switch (request.state) {
    case 'pending':
      return {
        ...own,
        approval_status: false,
        state: 'pending',
        chat: null,
        events: linkEventsUrl(base, request.link),
        message:
          'Waiting for the owner. Ask again with this client_id (Authorization: Bearer …); without it the link takes you for somebody new.'
      }
    case 'approved':
      return {
        ...own,
        approval_status: true,
        state: 'approved',
        chat: chatUrl(base, chat),
        events: chatEventsUrl(base, chat),
        message: 'You are in. Read, post and follow the chat with this client_id (Authorization: Bearer …).'
      }
    case 'closed':
      return {
        ...own,
        approval_status: false,
        state: 'closed',
        chat: null,
        events: linkEventsUrl(base, request.link),
        message: 'You have taken your request back. Open the link without a user id to ask again.'
      }
  }
}

/** What the owner is told of a link, and a member who came in through another one. */
export function insideView(base: Base, chat: ChatId, link: LinkId): z.output<typeof exchange> {
  return {
    link: linkUrl(base, link),
    request_sent_status: false,
    approval_status: true,
    state: 'approved',
    chat: chatUrl(base, chat),
    client_id: null,
    request_id: null,
    events: chatEventsUrl(base, chat),
    message: 'You are in already. This link is for others.'
  }
}

export function approvalEventView(
  base: Base,
  chat: ChatId,
  client: UserId,
  request: JoinRequest
): z.output<typeof approvalEventData> {
  return { ...guestView(base, chat, client, request), reason: request.state === 'closed' ? request.reason : null }
}
