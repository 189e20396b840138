/** Schemas of `/v1/chats/:chat/join-requests` and of the join events on the owner's stream. */
import { z } from 'zod'
import { MAX_ENDED_KEPT, MAX_ENDED_WITH_LINK_KEPT } from '../../chat/changes.ts'
import {
  emptyIsNone,
  eventId,
  formatCount,
  linkUrlAnswer,
  pageSize,
  requestId,
  requestIdInput,
  requireLastWithBefore,
  time,
  userIdMember
} from './common.ts'
import { member } from './members.ts'

export const requestState = z.enum(['pending', 'approved', 'declined', 'closed']).meta({ id: 'RequestState' })

export const joinRequest = z
  .object({
    request_id: requestId,
    link: linkUrlAnswer,
    name: z
      .string()
      .nullable()
      .meta({ description: 'The name that the guest entered, or null.', examples: ['Ana'] }),
    note: z
      .string()
      .nullable()
      .meta({ description: 'What the guest has told you, or null.', examples: ['Ana from the tennis club'] }),
    state: requestState,
    approval_status: z.boolean().meta({ examples: [false] }),
    requested_at: time,
    decided_at: time
      .nullable()
      .meta({ description: 'When the state last changed. Null while it is pending.', examples: [null] })
  })
  .meta({ id: 'JoinRequest', description: 'The request of one guest to join with one link.' })

const STATE = 'Send `pending`, `approved` or `ended` (declined, or closed).'

export const joinRequestsQuery = z
  .object({
    state: member(
      emptyIsNone(z.enum(['pending', 'approved', 'ended'], STATE).optional()).meta({
        description: 'Return only the requests in this state; `ended` is `declined` or `closed`. Default: all.'
      }),
      { mistakenFor: { names: ['approval_status', 'status'], message: STATE.replace('Send', 'Send `state`:') } }
    ),
    last: member(pageSize('Return the newest join requests, this many at most, oldest first. Default: all.'), {
      mistakenFor: {
        names: ['count', 'latest', 'limit', 'max', 'max_results', 'newest', 'page_size', 'per_page', 'tail'],
        message: 'Send `last`: how many of the newest join requests to read.'
      }
    }),
    before: member(
      emptyIsNone(requestIdInput.optional()).meta({
        description:
          'With `last`: return the newest join requests made before this one, a `request_id` of this chat in any state. To read backwards, send the `request_id` of the oldest one that you have, until `has_more` is false. If the server no longer keeps that request, the answer is 404: start again without `before`.'
      }),
      {
        mistakenFor: {
          names: ['before_id', 'cursor', 'request_id'],
          message: 'Send `before`: the request_id before which to read.'
        }
      }
    ),
    user_id: userIdMember
  })
  .superRefine(requireLastWithBefore)

export const joinRequests = z
  .object({
    join_requests: z.array(joinRequest).meta({
      description: `Oldest first: all that are pending or approved, the latest ${MAX_ENDED_KEPT} that were declined or left, and the latest ${formatCount(MAX_ENDED_WITH_LINK_KEPT)} that ended with their link, unless the query selects some of them.`
    }),
    last_event_id: eventId,
    has_more: z
      .boolean()
      .optional()
      .meta({ description: 'Only with `last`: whether there are older ones.', examples: [false] })
  })
  .meta({ id: 'JoinRequests' })
