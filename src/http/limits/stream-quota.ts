import type { UserId } from '../../chat/ids.ts'
import type { Hub } from '../../streams/hub.ts'
import { Problem } from '../../wire/problems.ts'

/**
 * Checks that this process and this user can open one more stream or wait. A newcomer (undefined) has no others.
 * @throws Problem `too-many-streams`, `too-many-own-streams`
 */
export function assertStreamQuota(hub: Hub, user: UserId | undefined): void {
  if (hub.isFull) throw new Problem('too-many-streams')
  if (user !== undefined && hub.hasTooMany(user)) throw new Problem('too-many-own-streams')
}
