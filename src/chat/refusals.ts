/** Why a use case refuses an action, with the facts that a client needs. `http/` turns each refusal into a problem. */
import type { EndedRequest, Refusal } from './door.ts'
import type { UserId } from './ids.ts'

export type ServiceRefusal =
  | Refusal
  | {
      readonly refused:
        | 'chat-not-found'
        | 'chat-full'
        | 'handover-not-found'
        | 'store-full'
        | 'cursor-unknown'
        | 'idempotency-key-reused'
        | 'not-stored'
    }
  /** The guest's own join request has ended. */
  | {
      readonly refused: 'request-ended'
      readonly request: EndedRequest
      readonly client: UserId
    }

/** Thrown by the use cases in `service.ts`. Its message is the refusal's name and never quotes the request. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly refusal: ServiceRefusal

  constructor(refusal: ServiceRefusal) {
    super(refusal.refused)
    this.refusal = refusal
  }
}

/** Whether the rules refused. */
export function isRefusal(decision: unknown): decision is ServiceRefusal {
  return typeof decision === 'object' && decision !== null && 'refused' in decision
}

/** @throws Refused if the rules refused */
export function orRefuse<Granted>(decision: Granted | ServiceRefusal): Granted {
  if (isRefusal(decision)) throw new Refused(decision)
  return decision
}
