/** The events in the log of a chat: messages and join events, in one order for everybody. */
import type { JoinRequest } from './door.ts'

/** A change of a join request, with the request as it was after the change. */
export interface JoinEvent {
  readonly type: 'join_request' | 'join_approved' | 'join_declined' | 'join_closed'
  readonly request: JoinRequest
}

export interface LoggedJoinEvent extends JoinEvent {
  readonly id: number
}

/** A message as the JSON that answered the post. It is encoded once; every reader gets this text. */
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
