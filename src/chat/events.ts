/** The events in the log of a chat: messages, and what changed at its door, in one order for everybody. */
import type { ApprovedRequest, EndedRequest, JoinRequest } from './door.ts'
import type { ToldProfile } from './profile.ts'

/** A change of a join request, with the request as it was after the change. */
export interface JoinEvent {
  readonly type: 'join_request' | 'join_approved' | 'join_declined' | 'join_closed'
  readonly request: JoinRequest
}

/** The chat has another title, or its owner another name. */
interface ProfileEvent {
  readonly type: 'chat'
  readonly profile: ToldProfile
}

export type DoorEvent = JoinEvent | ProfileEvent
export type Logged<Event> = Event & { readonly id: number }

/** A message as the JSON that answered the post. It is encoded once; every reader gets this text. */
export interface LoggedMessage {
  readonly type: 'message'
  readonly id: number
  readonly json: string
}

export type LoggedEvent = LoggedMessage | Logged<DoorEvent>

export function textOf({ json }: LoggedMessage): string {
  const { text }: { text: string } = JSON.parse(json)
  return text
}

export function isJoin<Event extends LoggedEvent | DoorEvent>(event: Event): event is Extract<Event, JoinEvent> {
  return 'request' in event
}

/** The request of somebody who has become a member, or is one no more. Undefined for all other events. */
export function memberChange(event: LoggedEvent | DoorEvent): ApprovedRequest | (EndedRequest & Admitted) | undefined {
  if (!isJoin(event)) return undefined
  const { request } = event
  if (request.state === 'approved') return request
  return request.state !== 'pending' && wasAdmitted(request) ? request : undefined
}

interface Admitted {
  readonly admittedAt: number
}

function wasAdmitted(request: EndedRequest): request is EndedRequest & Admitted {
  return request.admittedAt !== undefined
}

/** Whether a log can drop the event some day: it is about somebody who has not been let in. */
export function isForgettable(event: DoorEvent): boolean {
  return isJoin(event) && memberChange(event) === undefined
}
