import type { UserId } from '../../chat/ids.ts'
import type { Hub } from '../../streams/hub.ts'
import { Problem } from '../../wire/problems.ts'

/** Whether one more stream or wait may be opened here, by this user; a newcomer has no other yet. */
export function assertStreamQuota(hub: Hub, user: UserId | undefined): void {
  if (hub.isFull) throw new Problem('too-many-streams')
  if (user !== undefined && hub.hasTooMany(user)) throw new Problem('too-many-own-streams')
}
