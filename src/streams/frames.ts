/** How the readers of a chat see the events of its log. */
import { isJoin, type LoggedEvent, memberChange } from '../chat/events.ts'
import { frame, messageFrame } from '../wire/sse-format.ts'
import type { Base } from '../wire/urls.ts'
import { joinRequestView, memberEventView, toldProfileView } from '../wire/views.ts'

/** For the owner. */
export function ownerFrame(base: Base, event: LoggedEvent): string {
  return isJoin(event)
    ? frame({ event: event.type, id: event.id, data: joinRequestView(base, event.request) })
    : memberFrame(event)
}

/** For all other members. Empty for what is the owner's business alone: who knocks, and who is not let in. */
export function memberFrame(event: LoggedEvent): string {
  if (event.type === 'message') return messageFrame(event.id, event.json)
  if (event.type === 'chat') return frame({ event: 'chat', id: event.id, data: toldProfileView(event.profile) })
  const member = memberChange(event)
  if (member === undefined) return ''
  const name = member.state === 'approved' ? 'member_joined' : 'member_left'
  return frame({ event: name, id: event.id, data: memberEventView(member) })
}
