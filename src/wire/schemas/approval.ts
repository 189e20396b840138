/** Schemas of `/v1/approval`. */
import { z } from 'zod'
import { MAX_NOTE_LENGTH } from '../names.ts'
import {
  EXAMPLE,
  emptyIsNone,
  linkUrlAnswer,
  linkUrlInput,
  oneLine,
  requestId,
  requestIdInput,
  time,
  userIdMember
} from './common.ts'
import { type MemberFacts, member } from './members.ts'

const namedRequest = requestIdInput.meta({
  description: 'The join request, like `7QF2-9KXM`. Case, dashes and look-alikes (O for 0, I or L for 1) do not matter.'
})

/** Misnamed ids are refused: ignoring one could approve another guest, the only one who is waiting. */
const REQUEST_ID: MemberFacts = {
  wanted: `a string of eight characters, like ${EXAMPLE.requestId}`,
  mistakenFor: {
    names: ['code', 'guest', 'id', 'join_request', 'join_request_id', 'name', 'request', 'request_code'],
    message: `Send \`request_id\` to name a join request: eight characters, like ${EXAMPLE.requestId}.`
  }
}

/** Misnamed decisions are refused: `approval_status` defaults to true, so ignoring one would approve the guest. */
const VERDICT: MemberFacts = {
  wanted: 'true (let the guest in) or false (decline)',
  mistakenFor: {
    names: [
      'accept',
      'accepted',
      'action',
      'admit',
      'admitted',
      'allow',
      'allowed',
      'approval',
      'approve',
      'approved',
      'decision',
      'decline',
      'declined',
      'denied',
      'deny',
      'is_approved',
      'refuse',
      'refused',
      'reject',
      'rejected',
      'state',
      'status',
      'verdict'
    ],
    message: 'Send `approval_status`: true to let the guest in, or false to decline.'
  }
}

export const approvalQuery = z.object({
  link: linkUrlInput,
  request_id: member(emptyIsNone(namedRequest.optional()), REQUEST_ID),
  user_id: userIdMember
})

export const approvalStatus = z
  .object({ approval_status: z.boolean().meta({ examples: [true] }) })
  .meta({ id: 'ApprovalStatus' })

export const approveBody = z
  .object({
    link: linkUrlInput,
    request_id: member(namedRequest.optional(), REQUEST_ID),
    approval_status: member(
      z
        .boolean()
        .optional()
        .meta({ description: 'True (the default) approves. False declines, or removes a guest who was approved.' }),
      VERDICT
    ),
    all: member(
      z.boolean().optional().meta({
        description:
          'True decides on everybody who waits at this link, oldest first, instead of one `request_id`. The answer lists them.'
      }),
      { wanted: 'true (decide on everybody who waits) or false' }
    ),
    note: member(
      oneLine(MAX_NOTE_LENGTH)
        .nullish()
        .meta({
          description: `With \`approval_status: false\`: what to tell the guest, at most ${MAX_NOTE_LENGTH} characters in one line. It stands in the guest's 403 and last event, and nowhere else. With an approval, and if it is the guest's own note, it is ignored, so that a whole join request can be sent.`
        }),
      {
        wanted: `a string of at most ${MAX_NOTE_LENGTH} characters`,
        mistakenFor: {
          names: ['comment', 'message', 'reason', 'text'],
          message: 'Send `note`: what to tell the guest.'
        }
      }
    ),
    block: member(
      z.boolean().optional().meta({
        description:
          'With `approval_status: false`: for a day, nobody in the network of this guest (an IPv4 address, an IPv6 /64) can ask to join through this link. Approving the same request lifts it. It also works for a request that has been declined or that its guest has withdrawn, for a day.'
      }),
      { wanted: "true (block the guest's network for a day) or false" }
    ),
    user_id: userIdMember
  })
  .superRefine(({ request_id, approval_status, all, block }, context) => {
    const refuse = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message })
    if (all === true && request_id !== undefined) {
      refuse('all', 'Send either `request_id` or `all`: they cannot be combined.')
    }
    if (block === true && approval_status !== false) refuse('block', 'Send `block` only with `approval_status: false`.')
    if (block === true && all === true) refuse('block', 'Send `block` for one join request, not with `all`.')
  })
  .meta({ example: { link: EXAMPLE.link } })

export const approval = z
  .object({
    approval_status: z.boolean(),
    state: z.enum(['approved', 'declined', 'closed']).meta({
      description: '`closed` only if a guest who had withdrawn the request was blocked.'
    }),
    link: linkUrlAnswer,
    request_id: requestId,
    decided_at: time
  })
  .meta({ id: 'Approval' })

const requestIds = (description: string) =>
  z.array(requestId).meta({ description: `${description} Oldest first.`, examples: [[EXAMPLE.requestId]] })

export const decidedAll = z
  .object({
    approval_status: z.boolean(),
    link: linkUrlAnswer,
    decided: requestIds('Everybody who waited and on whom this has decided.'),
    left: requestIds('Those for whom the link had no seat.')
  })
  .meta({ id: 'ApprovalOfAll', description: 'The answer to `all`. Both lists are empty if nobody was waiting.' })
