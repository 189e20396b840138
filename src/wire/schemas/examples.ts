/** Examples of answers and streams for the OpenAPI document. */
import { EXAMPLE } from './common.ts'

export const NEW_CHAT_EXAMPLE = { chat: EXAMPLE.chat, author_id: EXAMPLE.authorId, events: `${EXAMPLE.chat}/events` }

export const MESSAGE_EXAMPLE = { id: 3, text: 'Hello, Ana', created_at: EXAMPLE.time, from: 'owner' }

export const PROFILE_EXAMPLE = { title: 'Garden party', name: 'Olga', invites: 'members' as const }

export const MESSAGES_EXAMPLE = {
  chat: EXAMPLE.chat,
  you: 'owner',
  title: PROFILE_EXAMPLE.title,
  invites: PROFILE_EXAMPLE.invites,
  messages: [MESSAGE_EXAMPLE],
  last_event_id: 3,
  has_more: false
}

export const MEMBERS_EXAMPLE = {
  members: [
    { from: 'owner', name: 'Olga', since: EXAMPLE.time, until: null },
    { from: EXAMPLE.requestId, name: 'Ana', since: EXAMPLE.time, until: null }
  ],
  last_event_id: 2
}

export const LINKS_EXAMPLE = {
  links: [
    {
      link: EXAMPLE.link,
      state: 'open' as const,
      expires_at: null,
      max_guests: null,
      pending: 0,
      approved: 1,
      created_at: EXAMPLE.time,
      made_by: 'owner'
    }
  ]
}

export const JOIN_REQUESTS_EXAMPLE = {
  join_requests: [
    {
      request_id: EXAMPLE.requestId,
      link: EXAMPLE.link,
      name: 'Ana',
      note: 'Ana from the tennis club',
      state: 'pending' as const,
      approval_status: false,
      requested_at: EXAMPLE.time,
      decided_at: null
    }
  ],
  last_event_id: 1
}

export const CHAT_STREAM_EXAMPLE = `:
retry: 2741

event: join_request
data: {"request_id":"7QF2-9KXM","link":"…","name":"Ana","note":null,"state":"pending","approval_status":false,"requested_at":"2026-11-22T16:56:00.000Z","decided_at":null}

id: 1
event: ready
data: {"last_event_id":1}

id: 2
event: message
data: {"id":2,"text":"Hello, Ana","created_at":"2026-11-22T16:56:30.000Z","from":"owner"}

`
export const PENDING_EXAMPLE = {
  link: EXAMPLE.link,
  request_sent_status: true,
  approval_status: false,
  state: 'pending' as const,
  chat: null,
  client_id: EXAMPLE.clientId,
  request_id: EXAMPLE.requestId,
  title: null,
  owner_present: true,
  events: `${EXAMPLE.link}/events`,
  message:
    'Waiting for the owner to decide. To check again, send this client_id (Authorization: Bearer …); without it you ask to join as a new guest.'
}

export const APPROVED_EXAMPLE = {
  ...PENDING_EXAMPLE,
  approval_status: true,
  state: 'approved' as const,
  chat: EXAMPLE.chat,
  events: `${EXAMPLE.chat}/events`,
  message: 'You are a member. Read, post and follow the chat with this client_id (Authorization: Bearer …).'
}

export const LINK_STREAM_EXAMPLE = `:
retry: 3175

id: pending
event: approval
data: {"link":"…","request_sent_status":true,"approval_status":false,"state":"pending","chat":null,"client_id":"…","request_id":"7QF2-9KXM","title":null,"owner_present":true,"events":"…","message":"…","reason":null,"note":null}

id: approved
event: approval
data: {"link":"…","request_sent_status":true,"approval_status":true,"state":"approved","chat":"…","client_id":"…","request_id":"7QF2-9KXM","title":null,"owner_present":true,"events":"…","message":"…","reason":null,"note":null}

`
