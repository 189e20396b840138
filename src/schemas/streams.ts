/** The events of the live streams. `data` is shown as the JSON value that the event's data line holds. */
import { z } from 'zod'
import { message } from './chats.ts'
import { eventId, userIdMember } from './common.ts'
import { joinRequest } from './join-requests.ts'
import { exchange } from './links.ts'

export const cursorQuery = z.object({
  last_event_id: z.unknown().optional().meta({
    type: 'string',
    description:
      'Where to continue, for a first connect: the last event id you have; 0 is the beginning, empty is none. The `Last-Event-ID` header takes precedence.'
  }),
  lastEventId: z.unknown().optional().meta({
    type: 'string',
    description:
      'The same under the name that event-source-polyfill sends when it reconnects. `last_event_id` takes precedence, so do not send both.'
  }),
  after: z.unknown().optional().meta({
    type: 'string',
    description: 'The same under the name that it has when you read the chat. The other names take precedence.'
  }),
  user_id: userIdMember
})

export const cursorHeaders = z.object({
  'last-event-id': z.string().optional().meta({
    description:
      'Where to continue: the last event id you have. An EventSource sends it when it reconnects. Empty is none.'
  })
})

const messageEvent = z
  .object({ event: z.literal('message'), id: eventId, data: message })
  .meta({ id: 'MessageEvent', description: 'To members.' })

const joinEvent = z
  .object({
    event: z.enum(['join_request', 'join_approved', 'join_declined', 'join_closed']),
    id: eventId.optional(),
    data: joinRequest
  })
  .meta({
    id: 'JoinEvent',
    description:
      'To the owner. Without an id it repeats a request that is still pending, for an owner who comes without a cursor.'
  })

const lastEvent = z.object({ last_event_id: eventId })

const readyEvent = z
  .object({ event: z.literal('ready'), id: eventId, data: lastEvent })
  .meta({ id: 'ReadyEvent', description: 'Everything older has been sent; what follows is live.' })

const resetEvent = z.object({ event: z.literal('reset'), data: lastEvent.extend({ reason: z.string() }) }).meta({
  id: 'ResetEvent',
  description: 'The cursor is not in the log, so what you have cannot be continued: read the chat again.'
})

const closedEvent = z
  .object({ event: z.literal('closed'), data: z.object({ reason: z.enum(['removed', 'left', 'chat_closed']) }) })
  .meta({ id: 'ClosedEvent', description: 'Nothing follows: the stream ends, and a reconnect is refused.' })

export const chatEvents = z
  .array(z.union([messageEvent, joinEvent, readyEvent, resetEvent, closedEvent]))
  .meta({ id: 'ChatEvents', description: 'A stream of Server-Sent Events; each item is one of them.' })

export const approvalEventData = exchange.extend({
  reason: z
    .enum(['declined', 'left', 'expired', 'revoked', 'full'])
    .nullable()
    .meta({ description: 'Why the request has ended, if it has: by the owner, by the guest, or with its link.' })
})

const approvalEvent = z
  .object({
    event: z.literal('approval'),
    id: z.string().meta({ description: "The state's name.", examples: ['pending'] }),
    data: approvalEventData
  })
  .meta({ id: 'ApprovalEvent', description: 'The state of the request, at once and again when it changes.' })

export const linkEvents = z
  .array(approvalEvent)
  .meta({ id: 'LinkEvents', description: 'A stream of Server-Sent Events; each item is one of them.' })
