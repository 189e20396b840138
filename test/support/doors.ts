/** Doors to start a test from. */
import {
  addLink,
  approve,
  type Change,
  type Door,
  type JoinRequest,
  knock,
  newDoor,
  type Refusal
} from '../../src/chat/door.ts'
import {
  digestOf,
  type LinkId,
  newChatId,
  newLinkId,
  newRequestId,
  newUserId,
  tagOf,
  type UserDigest
} from '../../src/ids.ts'

export const aUser = (): UserDigest => digestOf(newUserId())

export function aDoor(): { door: Door; owner: UserDigest } {
  const owner = aUser()
  return { door: newDoor(newChatId(), owner, 0), owner }
}

export function changed<Result>(decision: Change<Result> | Refusal): Change<Result> {
  if ('refused' in decision) throw new Error(`refused: ${decision.refused}`)
  return decision
}

export function withLink(door: Door, maker?: UserDigest): { door: Door; link: LinkId } {
  const change = changed(addLink(door, newLinkId(tagOf(door.chat)), maker, 1))
  return { door: change.door, link: change.result.id }
}

export function withKnock(door: Door, link: LinkId, guest = aUser()): { door: Door; request: JoinRequest } {
  const change = changed(knock(door, { id: newRequestId(), link, guest, name: 'Ana', requestedAt: 2 }))
  return { door: change.door, request: change.result }
}

export function withMember(door: Door, link: LinkId, guest = aUser()): { door: Door; request: JoinRequest } {
  const knocked = withKnock(door, link, guest)
  const change = changed(approve(knocked.door, link, door.owner, knocked.request.id, 3))
  return { door: change.door, request: change.result }
}
