/** How what the product refuses is told over HTTP. */
import { endingOf } from '../../chat/door.ts'
import type { ServiceRefusal } from '../../chat/refusals.ts'
import { Problem, type ProblemKind } from '../../wire/problems.ts'

const PROBLEM_BY_ENDING = {
  declined: 'declined',
  left: 'left',
  expired: 'link-expired',
  revoked: 'link-revoked',
  full: 'link-full'
} as const satisfies Record<ReturnType<typeof endingOf>, ProblemKind>

export function refusalProblem(refusal: ServiceRefusal): Problem {
  switch (refusal.refused) {
    case 'request-ended': {
      const { request, client } = refusal
      const { id: request_id, state } = request
      const note = state === 'declined' && { note: request.ownerNote ?? null }
      return new Problem(PROBLEM_BY_ENDING[endingOf(request)], {
        members: { state, request_id, client_id: client, ...note }
      })
    }
    case 'several-requests':
      return new Problem(refusal.refused, { members: { pending_request_ids: refusal.pending } })
    case 'request-closed':
      return new Problem(refusal.refused, { members: { state: refusal.state } })
    case 'blocked':
      return new Problem(refusal.refused, { headers: { 'retry-after': `${Math.ceil(refusal.forMs / 1000)}` } })
    default:
      return new Problem(refusal.refused)
  }
}
