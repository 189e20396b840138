/** What the log of a chat holds: messages and what happened at the door, in one order for everybody. */
import type { JoinRequest } from './door.ts'

/** What happened at the door, with the join request as it was from then on. */
export interface JoinEvent {
  readonly type: 'join_request' | 'join_approved' | 'join_declined' | 'join_closed'
  readonly request: JoinRequest
}

export interface LoggedJoinEvent extends JoinEvent {
  readonly id: number
}

/** A message in its only form: the JSON text that posting it answered with. Encoded once, it is every reader's. */
export interface LoggedMessage {
  readonly type: 'message'
  readonly id: number
  readonly json: string
}

export type LoggedEvent = LoggedMessage | LoggedJoinEvent

export function textOf({ json }: LoggedMessage): string {
  const { text }: { text: string } = JSON.parse(json)
  return text
}
