/** Guests ask to join, are approved, are declined and leave. Links: `changes.links.test.ts`. */
import { describe, expect, it } from 'vitest'
import { approve, decline, knock, leave, MAX_WAITING_PER_LINK, revokeLink } from '../../src/chat/changes.ts'
import { approvalAt, pendingRequests, requireMember, senderOf, standingAt } from '../../src/chat/door.ts'
import { newLinkId, newRequestId, tagOf } from '../../src/chat/ids.ts'
import {
  aBusyDoor,
  aDoor,
  anInvitedDoor,
  aUser,
  changed,
  withDeclined,
  withKnock,
  withLink,
  withMember
} from '../support/doors.ts'

describe('knock', () => {
  it('records a pending request, with an event', () => {
    const { door, link } = anInvitedDoor()
    const asked = { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: 5 }
    const request = { ...asked, state: 'pending', decidedAt: null }
    expect(knock(door, asked)).toMatchObject({ events: [{ type: 'join_request', request }], result: request })
    expect(door.requests.size).toBe(0)
  })

  it(`is refused while ${MAX_WAITING_PER_LINK} requests are pending at that link`, () => {
    const { door, owner, link } = anInvitedDoor()
    const { door: two, link: otherLink } = withLink(door, owner)
    let crowded = two
    for (let count = 0; count < MAX_WAITING_PER_LINK; count++) crowded = withKnock(crowded, link).door
    const asked = { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: 5 }
    expect(knock(crowded, asked)).toEqual({ refused: 'too-many-waiting' })
    expect(knock(crowded, { ...asked, link: otherLink })).toHaveProperty('result')
    const [first] = pendingRequests(crowded)
    const meant = { link, id: first?.id }
    expect(knock(changed(approve(crowded, meant, owner, 6)).door, asked)).toHaveProperty('result')
    expect(knock(changed(decline(crowded, meant, owner, 6)).door, asked)).toHaveProperty('result')
  })

  it('is refused for links of other chats', () => {
    const { door } = aDoor()
    const link = newLinkId(tagOf(door.chat))
    const asked = { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: 5 }
    expect(knock(door, asked)).toEqual({ refused: 'link-not-found' })
  })
})

describe('approve', () => {
  it('makes the guest a member, with an event', () => {
    const { door, owner, waiting } = aBusyDoor()
    const approved = { ...waiting, state: 'approved', decidedAt: 9 }
    const change = changed(approve(door, waiting, owner, 9))
    expect(change).toMatchObject({ events: [{ type: 'join_approved', request: approved }], result: approved })
    expect(senderOf(change.door, waiting.guest)).toBe(waiting.id)
    expect(change.door.rights).toBe(door.rights)
  })

  it('changes nothing when it is repeated, and gives the first answer', () => {
    const { door, owner, member } = aBusyDoor()
    expect(approve(door, member, owner, 99)).toEqual({ door, events: [], result: member })
  })

  it('approves a declined guest as long as the link is open', () => {
    const { door, owner, link } = anInvitedDoor()
    const { door: before, request } = withDeclined(door, link)
    const { door: after, events, result } = changed(approve(before, request, owner, 9))
    expect(result).toEqual({ ...request, state: 'approved', decidedAt: 9 })
    expect(events).toEqual([{ type: 'join_approved', request: result }])
    expect(senderOf(after, request.guest)).toBe(request.id)
    const ended = changed(revokeLink(before, link, owner, 5)).door
    expect(approve(ended, request, owner, 9)).toEqual({ refused: 'request-closed', state: 'declined' })
  })

  it('is refused for a closed request, with its state, also while the link is open', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const left = changed(leave(door, link, waiting.guest, 9)).door
    const revoked = changed(revokeLink(door, link, owner, 9)).door
    for (const closed of [left, revoked]) {
      expect(approve(closed, waiting, owner, 10)).toEqual({ refused: 'request-closed', state: 'closed' })
    }
  })

  it('gives the same answer when it is repeated after the link has ended', () => {
    const { door, owner, link, member } = aBusyDoor()
    const { door: ended } = changed(revokeLink(door, link, owner, 9))
    expect(approve(ended, member, owner, 99)).toEqual({ door: ended, events: [], result: member })
  })

  it('without a request id means the only pending request', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const declined = withDeclined(door, link).door
    expect(changed(approve(declined, { link, id: undefined }, owner, 9)).result.id).toBe(waiting.id)
  })

  it('without a request id means the only member if no request is pending', () => {
    const { door, owner, link } = anInvitedDoor()
    const member = withMember(door, link)
    expect(changed(approve(member.door, { link, id: undefined }, owner, 9)).result).toEqual(member.request)
  })

  it('without a request id is refused if there is no request, or all have ended', () => {
    const { door, owner, otherLink: link } = aBusyDoor()
    expect(approve(door, { link, id: undefined }, owner, 9)).toEqual({ refused: 'nobody-asked' })
    const { door: ended } = withDeclined(door, link)
    expect(approve(ended, { link, id: undefined }, owner, 9)).toEqual({ refused: 'nobody-asked' })
  })

  it('without a request id is refused if it is ambiguous, with the pending requests', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const another = withKnock(door, link)
    expect(approve(another.door, { link, id: undefined }, owner, 9)).toEqual({
      refused: 'several-requests',
      pending: [waiting.id, another.request.id]
    })
    const both = changed(approve(door, waiting, owner, 9)).door
    expect(approve(both, { link, id: undefined }, owner, 9)).toEqual({ refused: 'several-requests', pending: [] })
  })
})

describe.each([
  ['approving', approve],
  ['declining', decline]
])('%s', (_, decide) => {
  it('is refused to everybody but the owner', () => {
    const { door, waiting, member } = aBusyDoor()
    for (const user of [member.guest, waiting.guest, aUser()]) {
      expect(decide(door, waiting, user, 9)).toEqual({ refused: 'not-the-owner' })
      expect(decide(door, { link: waiting.link, id: undefined }, user, 9)).toEqual({ refused: 'not-the-owner' })
    }
  })

  it('is refused for requests at other links, to everybody', () => {
    const { door, owner, otherLink, link, waiting } = aBusyDoor()
    for (const user of [owner, aUser()]) {
      expect(decide(door, { link: otherLink, id: waiting.id }, user, 9)).toEqual({ refused: 'request-not-found' })
      expect(decide(door, { link, id: newRequestId() }, user, 9)).toEqual({ refused: 'request-not-found' })
      const unknown = newLinkId(tagOf(door.chat))
      expect(decide(door, { link: unknown, id: waiting.id }, user, 9)).toEqual({ refused: 'link-not-found' })
    }
  })
})

describe('decline', () => {
  it('declines a pending guest, with an event, and no right is lost', () => {
    const { door, owner, waiting } = aBusyDoor()
    const declined = { ...waiting, state: 'declined', decidedAt: 9 }
    const change = changed(decline(door, waiting, owner, 9))
    expect(change).toMatchObject({ events: [{ type: 'join_declined', request: declined }], result: declined })
    expect(change.door.requests.get(waiting.guest)).toEqual(declined)
    expect(change.door.rights).toBe(door.rights)
    expect(pendingRequests(change.door)).toEqual([])
  })

  it('removes a member at once, and a right is lost', () => {
    const { door, owner, member } = aBusyDoor()
    const change = changed(decline(door, member, owner, 9))
    expect(change.result).toEqual({ ...member, state: 'declined', decidedAt: 9, admittedAt: member.decidedAt })
    expect(change.events).toEqual([{ type: 'join_declined', request: change.result }])
    expect(requireMember(change.door, member.guest)).toEqual({ refused: 'not-a-member' })
    expect(change.door.rights).toBe(door.rights + 1)
  })

  it('removes a member whose link has ended, too', () => {
    const { door, owner, link, member } = aBusyDoor()
    const { door: ended } = changed(revokeLink(door, link, owner, 9))
    expect(senderOf(changed(decline(ended, member, owner, 10)).door, member.guest)).toBeUndefined()
  })

  it('changes nothing when it is repeated, and gives the first answer', () => {
    const { door, owner, link } = anInvitedDoor()
    const { door: before, request } = withDeclined(door, link)
    expect(decline(before, request, owner, 99)).toEqual({ door: before, events: [], result: request })
  })

  it('is refused for a closed request, with its state', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const { door: closed } = changed(leave(door, link, waiting.guest, 9))
    expect(decline(closed, waiting, owner, 10)).toEqual({ refused: 'request-closed', state: 'closed' })
  })

  it('without a request id means the only pending request, never a member', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const { door: after, result } = changed(decline(door, { link, id: undefined }, owner, 9))
    expect(result.id).toBe(waiting.id)
    expect(decline(after, { link, id: undefined }, owner, 10)).toEqual({ refused: 'nobody-asked' })
  })

  it('without a request id is refused if several are pending, with their ids', () => {
    const { door, owner, link, otherLink, waiting } = aBusyDoor()
    const another = withKnock(withKnock(door, otherLink).door, link)
    expect(decline(another.door, { link, id: undefined }, owner, 9)).toEqual({
      refused: 'several-requests',
      pending: [waiting.id, another.request.id]
    })
  })
})

describe('leave', () => {
  it('withdraws a pending request, with an event, and no right is lost', () => {
    const { door, waiting } = aBusyDoor()
    const closed = { ...waiting, state: 'closed', reason: 'left', decidedAt: 9 }
    const change = changed(leave(door, waiting.link, waiting.guest, 9))
    expect(change.events).toEqual([{ type: 'join_closed', request: closed }])
    expect(change.door.rights).toBe(door.rights)
    expect(standingAt(change.door, waiting.link, waiting.guest)).toEqual({ is: 'guest', request: closed })
    expect(pendingRequests(change.door)).toEqual([])
  })

  it('ends a membership, and a right is lost', () => {
    const { door, link, member } = aBusyDoor()
    const change = changed(leave(door, link, member.guest, 9))
    const closed = { ...member, state: 'closed', reason: 'left', decidedAt: 9, admittedAt: member.decidedAt }
    expect(change.events).toEqual([{ type: 'join_closed', request: closed }])
    expect(requireMember(change.door, member.guest)).toEqual({ refused: 'not-a-member' })
    expect(change.door.rights).toBe(door.rights + 1)
  })

  it('works through an ended link', () => {
    const { door, owner, link, member } = aBusyDoor()
    const { door: ended } = changed(revokeLink(door, link, owner, 9))
    expect(changed(leave(ended, link, member.guest, 10)).events).toMatchObject([{ type: 'join_closed' }])
  })

  it('changes nothing when it is repeated, or after a decline', () => {
    const { door, link, waiting } = aBusyDoor()
    const { door: once } = changed(leave(door, link, waiting.guest, 9))
    expect(leave(once, link, waiting.guest, 10)).toEqual({ door: once, events: [], result: undefined })
    const { door: before, request } = withDeclined(door, link)
    expect(leave(before, link, request.guest, 10)).toEqual({ door: before, events: [], result: undefined })
  })

  it('is refused to everybody but a guest of that link', () => {
    const { door, owner, link, otherLink, waiting } = aBusyDoor()
    for (const user of [owner, aUser()]) expect(leave(door, link, user, 9)).toEqual({ refused: 'not-this-guest' })
    expect(leave(door, otherLink, waiting.guest, 9)).toEqual({ refused: 'not-this-guest' })
    const unknown = newLinkId(tagOf(door.chat))
    expect(leave(door, unknown, waiting.guest, 9)).toEqual({ refused: 'link-not-found' })
  })

  it('ends the request, which no longer counts for the link', () => {
    const { door, link, waiting } = aBusyDoor()
    const { door: closed } = changed(leave(door, link, waiting.guest, 9))
    expect(approvalAt(closed, link, undefined, undefined)).toBe(true)
    expect(approvalAt(closed, link, waiting.guest, undefined)).toBe(false)
  })
})
