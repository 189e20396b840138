/** Doors for tests of the rules. */
import { addLink, approve, type Change, decline, knock, type LinkLimits, newDoor } from '../../src/chat/changes.ts'
import type { Door, JoinRequest, Refusal } from '../../src/chat/door.ts'
import { type DoorEvent, isJoin, type JoinEvent } from '../../src/chat/events.ts'
import {
  digestOf,
  type LinkId,
  newChatId,
  newLinkId,
  newRequestId,
  newUserId,
  tagOf,
  type UserDigest
} from '../../src/chat/ids.ts'

export const joinsOf = (events: readonly DoorEvent[]): JoinEvent[] => events.filter(isJoin)

export const aUser = (): UserDigest => digestOf(newUserId())

export function aDoor(createdAt = 0): { door: Door; owner: UserDigest } {
  const owner = aUser()
  return { door: newDoor(newChatId(), owner, createdAt), owner }
}

export function changed<Result>(decision: Change<Result> | Refusal): Change<Result> {
  if ('refused' in decision) throw new Error(`refused: ${decision.refused}`)
  return decision
}

export function withLink(
  door: Door,
  maker?: UserDigest,
  { expiresAt = null, maxGuests = null }: Partial<LinkLimits> = {}
): { door: Door; link: LinkId } {
  const change = changed(addLink(door, newLinkId(tagOf(door.chat)), maker, 1, { expiresAt, maxGuests }))
  return { door: change.door, link: change.result.id }
}

export function withKnock(door: Door, link: LinkId, guest = aUser()): { door: Door; request: JoinRequest } {
  const change = changed(knock(door, { id: newRequestId(), link, guest, name: 'Ana', requestedAt: 2 }))
  return { door: change.door, request: change.result }
}

export function withMember(door: Door, link: LinkId, guest = aUser()): { door: Door; request: JoinRequest } {
  const knocked = withKnock(door, link, guest)
  const change = changed(approve(knocked.door, knocked.request, door.owner, 3))
  return { door: change.door, request: change.result }
}

export function withDeclined(door: Door, link: LinkId, guest = aUser()): { door: Door; request: JoinRequest } {
  const knocked = withKnock(door, link, guest)
  const change = changed(decline(knocked.door, knocked.request, door.owner, 3))
  return { door: change.door, request: change.result }
}

/** A chat with one link of these limits. */
export function anInvitedDoor(limits?: Partial<LinkLimits>) {
  const { door, owner } = aDoor()
  return { owner, ...withLink(door, owner, limits) }
}

/** A chat with two links, and a pending guest and a member of the first. */
export function aBusyDoor() {
  const { door, owner, link } = anInvitedDoor()
  const second = withLink(door, owner)
  const waiting = withKnock(second.door, link)
  const member = withMember(waiting.door, link)
  return {
    door: member.door,
    owner,
    link,
    otherLink: second.link,
    waiting: waiting.request,
    member: member.request
  }
}
