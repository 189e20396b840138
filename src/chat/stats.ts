/** What has happened at the doors of this process, in numbers. */
import type { Door } from './door.ts'
import { pendingRequests } from './door.ts'
import type { JoinEvent } from './events.ts'

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
  /** Requests that were made less those that were decided; of other processes, if they decide what was asked here. */
  pending = 0

  /** A door has changed; `before` is as it was. */
  changed(before: Door, events: readonly JoinEvent[]): void {
    for (const { type, request } of events) {
      this.joinEvents[type]++
      if (type === 'join_request') this.pending++
      else if (before.requests.get(request.guest)?.state === 'pending') this.pending--
    }
  }

  /** A chat is no more; `last` is its door. */
  ended(last: Door): void {
    this.chatsEnded++
    this.pending -= pendingRequests(last).length
  }
}
