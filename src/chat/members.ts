/** Who is in a chat, and who was: what members may know of each other. Pure. */
import { type Door, isEnded, type JoinRequest, type Refusal, requireMember, type Sender } from './door.ts'
import type { UserDigest } from './ids.ts'

/** Instants are milliseconds since the Unix epoch. */
export interface Member {
  readonly from: Sender
  readonly name: string | null
  /** When they were let in last; of the owner, when the chat was created. */
  readonly since: number
  /** When they left or were removed; null for those who are in. */
  readonly until: number | null
}

/** For members. The owner first, then in order of admission; with `all` also those who were in and are not. */
export function membersFor(door: Door, user: UserDigest, all = false): readonly Member[] | Refusal {
  const sender = requireMember(door, user)
  if (typeof sender === 'object') return sender
  const owner: Member = { from: 'owner', name: door.profile.ownerName, since: door.createdAt, until: null }
  const guests = Array.from(door.requests.values(), guestOf).filter((member) => member !== undefined)
  return [owner, ...guests.filter(({ until }) => all || until === null).sort((one, other) => one.since - other.since)]
}

/** Undefined for somebody who has never been let in. */
function guestOf(request: JoinRequest): Member | undefined {
  const { id: from, name } = request
  if (request.state === 'approved') return { from, name, since: request.decidedAt, until: null }
  if (!isEnded(request) || request.admittedAt === undefined) return undefined
  return { from, name, since: request.admittedAt, until: request.decidedAt }
}
