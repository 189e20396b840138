/** Schemas of the live streams. `data` is the parsed JSON of the event's data line. */
import { z } from 'zod'
import { message } from './chats.ts'
import { eventId, sender, titleAnswer, userIdMember } from './common.ts'
import { joinRequest } from './join-requests.ts'
import { exchange } from './links.ts'

export const cursorQuery = z.object({
  last_event_id: z.unknown().optional().meta({
    type: 'string',
    description:
      'Resume after this event id. Use it for the first connection; the `Last-Event-ID` header takes precedence. 0 is the beginning; an empty value is ignored.'
  }),
  lastEventId: z.unknown().optional().meta({
    type: 'string',
    description:
      'Another name of `last_event_id`, which event-source-polyfill sends when it reconnects. `last_event_id` takes precedence, so do not send both.'
  }),
  after: z.unknown().optional().meta({
    type: 'string',
    description: 'Another name of `last_event_id`, as in `GET /v1/chats/{chat}`. The other names take precedence.'
  }),
  user_id: userIdMember
})

export const cursorHeaders = z.object({
  'last-event-id': z.string().optional().meta({
    description:
      'Resume after this event id. An EventSource sends it automatically when it reconnects. An empty value is ignored.'
  })
})

const messageEvent = z
  .object({ event: z.literal('message'), id: eventId, data: message })
  .meta({ id: 'MessageEvent', description: 'Sent to all members.' })

const joinEvent = z
  .object({
    event: z.enum(['join_request', 'join_approved', 'join_declined', 'join_closed']),
    id: eventId.optional(),
    data: joinRequest
  })
  .meta({
    id: 'JoinEvent',
    description:
      'Sent to the owner. An event without an id repeats a request that is still pending, when the owner connects without a cursor.'
  })

export const toldProfile = z.object({
  title: titleAnswer,
  owner_name: z
    .string()
    .nullable()
    .meta({ description: "The owner's name, or null.", examples: ['Olga'] })
})

const chatEvent = z
  .object({ event: z.literal('chat'), id: eventId, data: toldProfile })
  .meta({ id: 'ChatEvent', description: 'The title or the name of the owner has changed. Sent to all members.' })

export const memberEventData = z.object({
  from: sender,
  name: z
    .string()
    .nullable()
    .meta({ description: 'The name that they gave, or null.', examples: ['Ana'] }),
  reason: z
    .enum(['left', 'removed'])
    .nullable()
    .meta({ description: 'Why they are no longer in; null of `member_joined`.' })
})

const memberEvent = z
  .object({ event: z.enum(['member_joined', 'member_left']), id: eventId, data: memberEventData })
  .meta({
    id: 'MemberEvent',
    description:
      'Somebody has been let in, has left or was removed. Sent to all members but the owner, who gets join events with the same ids.'
  })

const lastEvent = z.object({ last_event_id: eventId })

const readyEvent = z
  .object({ event: z.literal('ready'), id: eventId, data: lastEvent })
  .meta({ id: 'ReadyEvent', description: 'Everything older has been sent. What follows is live.' })

const resetEvent = z.object({ event: z.literal('reset'), data: lastEvent.extend({ reason: z.string() }) }).meta({
  id: 'ResetEvent',
  description: 'The cursor is unknown, so the stream cannot resume from it: read the chat again.'
})

const closedEvent = z
  .object({ event: z.literal('closed'), data: z.object({ reason: z.enum(['removed', 'left', 'chat_closed']) }) })
  .meta({ id: 'ClosedEvent', description: 'The last event. The stream ends, and a reconnect is refused.' })

export const chatEvents = z
  .array(z.union([messageEvent, joinEvent, memberEvent, chatEvent, readyEvent, resetEvent, closedEvent]))
  .meta({ id: 'ChatEvents', description: 'A stream of Server-Sent Events; each item is one of them.' })

export const approvalEventData = exchange.extend({
  reason: z.enum(['declined', 'left', 'expired', 'revoked', 'full']).nullable().meta({
    description: 'Why the request has ended, or null: declined by the owner, left by the guest, or ended with its link.'
  }),
  note: z.string().nullable().meta({ description: 'What the owner says to somebody who is declined, or null.' })
})

const approvalEvent = z
  .object({
    event: z.literal('approval'),
    id: z.string().meta({ description: "The state's name.", examples: ['pending'] }),
    data: approvalEventData
  })
  .meta({ id: 'ApprovalEvent', description: 'The state of the request, sent at once and whenever it changes.' })

export const linkEvents = z
  .array(approvalEvent)
  .meta({ id: 'LinkEvents', description: 'A stream of Server-Sent Events; each item is one of them.' })
