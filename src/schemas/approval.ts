/** The wire of `/v1/approval`. */
import { z } from 'zod'
import { readRequestId } from '../ids.ts'
import {
  EXAMPLE,
  emptyIsNone,
  jsonObject,
  linkUrlAnswer,
  linkUrlInput,
  requestId,
  time,
  userIdMember
} from './common.ts'

const requestIdInput = z
  .string()
  .transform((typed, context) => {
    const read = readRequestId(typed)
    if (read !== undefined) return read
    context.addIssue(`Send a request_id of eight characters, like ${EXAMPLE.requestId}.`)
    return z.NEVER
  })
  .meta({
    description: 'Which join request is meant. Case, dashes and look-alikes (O for 0, I or L for 1) do not matter.',
    examples: [EXAMPLE.requestId]
  })

export const approvalQuery = z.object({
  link: linkUrlInput,
  request_id: emptyIsNone(requestIdInput.optional()),
  user_id: userIdMember
})

export const approvalStatus = z
  .object({ approval_status: z.boolean().meta({ examples: [true] }) })
  .meta({ id: 'ApprovalStatus' })

export const approveBody = jsonObject({
  link: linkUrlInput,
  request_id: requestIdInput.optional(),
  approval_status: z
    .boolean('Send true to let the guest in, or false to turn the guest away.')
    .optional()
    .meta({ description: 'True, or left out: let the guest in. False: decline, or withdraw the approval.' }),
  user_id: userIdMember
}).meta({ example: { link: EXAMPLE.link, request_id: EXAMPLE.requestId } })

export const approval = z
  .object({
    approval_status: z.boolean(),
    state: z.enum(['approved', 'declined']),
    link: linkUrlAnswer,
    request_id: requestId,
    decided_at: time
  })
  .meta({ id: 'Approval' })
