/** How what the product refuses is told over HTTP. */
import type { endingOf } from '../../chat/door.ts'
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
      const { ending, state, request, client } = refusal
      return new Problem(PROBLEM_BY_ENDING[ending], { members: { state, request_id: request, client_id: client } })
    }
    case 'several-requests':
      return new Problem(refusal.refused, { members: { pending_request_ids: refusal.pending } })
    case 'request-closed':
      return new Problem(refusal.refused, { members: { state: refusal.state } })
    default:
      return new Problem(refusal.refused)
  }
}
