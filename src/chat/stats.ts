/** Counters of what this process has done to chats and join requests. */
import type { Door } from './door.ts'
import { isEnded, pendingRequests, provisionalUntil } from './door.ts'
import { type DoorEvent, isJoin, type JoinEvent } from './events.ts'

export class DoorStats {
  chatsCreated = 0
  chatsEnded = 0
  messages = 0
  readonly joinEvents: Record<JoinEvent['type'], number> = {
    join_request: 0,
    join_approved: 0,
    join_declined: 0,
    join_closed: 0
  }
  /** Requests created here minus requests decided here. Only the sum over all processes is the number of pending requests. */
  pending = 0
  /** Provisional requests that were withdrawn because nobody has claimed them. */
  lapsed = 0

  /** Counts a committed change; `before` is the door before it. */
  changed(before: Door, events: readonly DoorEvent[]): void {
    for (const { type, request } of events.filter(isJoin)) {
      this.joinEvents[type]++
      const earlier = before.requests.get(request.guest)
      if (type === 'join_request') this.pending++
      else if (earlier?.state === 'pending') this.pending--
      if (earlier !== undefined && isEnded(request) && request.decidedAt === provisionalUntil(earlier)) this.lapsed++
    }
  }

  /** Counts a removed chat; `last` is its last door. */
  ended(last: Door): void {
    this.chatsEnded++
    this.pending -= pendingRequests(last).length
  }
}
