/** Schemas of `/v1/chats/:chat/join-requests` and of the join events on the owner's stream. */
import { z } from 'zod'
import { MAX_ENDED_KEPT, MAX_ENDED_WITH_LINK_KEPT } from '../../chat/changes.ts'
import { eventId, formatCount, linkUrlAnswer, requestId, time, userIdMember } from './common.ts'

export const requestState = z.enum(['pending', 'approved', 'declined', 'closed']).meta({ id: 'RequestState' })

export const joinRequest = z
  .object({
    request_id: requestId,
    link: linkUrlAnswer,
    name: z
      .string()
      .nullable()
      .meta({ description: 'The name that the guest entered, or null.', examples: ['Ana'] }),
    state: requestState,
    approval_status: z.boolean().meta({ examples: [false] }),
    requested_at: time,
    decided_at: time
      .nullable()
      .meta({ description: 'When the state last changed. Null while it is pending.', examples: [null] })
  })
  .meta({ id: 'JoinRequest', description: 'The request of one guest to join with one link.' })

export const joinRequestsQuery = z.object({ user_id: userIdMember })

export const joinRequests = z
  .object({
    join_requests: z.array(joinRequest).meta({
      description: `Oldest first: all that are pending or approved, the latest ${MAX_ENDED_KEPT} that were declined or left, and the latest ${formatCount(MAX_ENDED_WITH_LINK_KEPT)} that ended with their link.`
    }),
    last_event_id: eventId
  })
  .meta({ id: 'JoinRequests' })
