import { describe, expect, it } from 'vitest'
import {
  addLink,
  approvalAt,
  approve,
  enter,
  joinRequestsFor,
  knock,
  linkIsOpen,
  MAX_ENDED_KEPT,
  MAX_OPEN_LINKS,
  MAX_OPEN_LINKS_OF_OTHERS,
  MAX_WAITING_PER_LINK,
  pendingRequests,
  requestIdIsTaken,
  requestOf,
  roleOf,
  standingAt,
  takeBack
} from '../../src/chat/door.ts'
import { newLinkId, newRequestId, tagOf } from '../../src/ids.ts'
import { aDoor, aUser, changed, withKnock, withLink, withMember } from '../support/doors.ts'

/** A chat with two links, a guest waiting at the first, and a member who came through it. */
function aBusyDoor() {
  const { door, owner } = aDoor()
  const first = withLink(door, owner)
  const second = withLink(first.door, owner)
  const waiting = withKnock(second.door, first.link)
  const member = withMember(waiting.door, first.link)
  return {
    door: member.door,
    owner,
    link: first.link,
    otherLink: second.link,
    waiting: waiting.request,
    member: member.request
  }
}

describe('who is in', () => {
  const { door, owner, waiting, member } = aBusyDoor()

  it('is the owner, and a guest who was approved', () => {
    expect([roleOf(door, owner), roleOf(door, member.guest)]).toEqual(['owner', 'member'])
    expect([enter(door, owner), enter(door, member.guest)]).toEqual(['owner', 'member'])
  })

  it('is not a guest who waits, nor a stranger', () => {
    expect(enter(door, waiting.guest)).toEqual({ refused: 'not-a-member' })
    expect(enter(door, aUser())).toEqual({ refused: 'not-a-member' })
  })

  it('is told to the owner alone', () => {
    expect(joinRequestsFor(door, owner)).toEqual([waiting, member])
    expect(joinRequestsFor(door, member.guest)).toEqual({ refused: 'not-the-owner' })
  })

  it('leaves those who wait', () => {
    expect(pendingRequests(door)).toEqual([waiting])
  })
})

describe('making links', () => {
  it(`is open to everybody who knows the chat, for ${MAX_OPEN_LINKS_OF_OTHERS} of them`, () => {
    let { door } = aDoor()
    for (let count = 0; count < MAX_OPEN_LINKS_OF_OTHERS; count++) door = withLink(door).door
    const next = newLinkId(tagOf(door.chat))
    expect(addLink(door, next, undefined, 1)).toEqual({ refused: 'too-many-links' })
    expect(addLink(door, next, aUser(), 1)).toEqual({ refused: 'too-many-links' })
    expect(addLink(door, next, door.owner, 1)).toHaveProperty('result')
  })

  it(`ends at ${MAX_OPEN_LINKS} links, for the owner too`, () => {
    let { door } = aDoor()
    for (let count = 0; count < MAX_OPEN_LINKS; count++) door = withLink(door, door.owner).door
    expect(addLink(door, newLinkId(tagOf(door.chat)), door.owner, 1)).toEqual({ refused: 'too-many-links' })
  })

  it('leaves the door it was asked of as it was', () => {
    const { door } = aDoor()
    withLink(door)
    expect(door.links).toEqual([])
  })
})

describe('knocking', () => {
  it('records a pending request and tells of it', () => {
    const { door, owner } = aDoor()
    const { door: invited, link } = withLink(door, owner)
    const asked = { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: 5 }
    const request = { ...asked, state: 'pending', decidedAt: null }
    expect(knock(invited, asked)).toMatchObject({ events: [{ type: 'join_request', request }], result: request })
    expect(invited.requests.size).toBe(0)
  })

  it(`is refused while ${MAX_WAITING_PER_LINK} wait at that link, not at another, and not once one is in`, () => {
    const { door, owner } = aDoor()
    const { door: one, link } = withLink(door, owner)
    const { door: two, link: otherLink } = withLink(one, owner)
    let crowded = two
    for (let count = 0; count < MAX_WAITING_PER_LINK; count++) crowded = withKnock(crowded, link).door
    const asked = { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: 5 }
    expect(knock(crowded, asked)).toEqual({ refused: 'too-many-waiting' })
    expect(knock(crowded, { ...asked, link: otherLink })).toHaveProperty('result')
    const [first] = pendingRequests(crowded)
    const relieved = changed(approve(crowded, link, owner, first?.id, 6)).door
    expect(knock(relieved, asked)).toHaveProperty('result')
  })

  it('needs a link of this chat', () => {
    const { door } = aDoor()
    const link = newLinkId(tagOf(door.chat))
    expect(linkIsOpen(door, link)).toEqual({ refused: 'link-not-found' })
    expect(knock(door, { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: 5 })).toEqual({
      refused: 'link-not-found'
    })
  })

  it('takes no request id twice', () => {
    const { door, waiting } = aBusyDoor()
    expect(requestIdIsTaken(door, waiting.id)).toBe(true)
    expect(requestIdIsTaken(door, newRequestId())).toBe(false)
  })
})

describe('a user id at a link', () => {
  const { door, owner, link, otherLink, waiting, member } = aBusyDoor()

  it('of its own guest stands for that request', () => {
    expect(standingAt(door, link, waiting.guest)).toEqual({ is: 'guest', request: waiting })
    expect(standingAt(door, link, member.guest)).toEqual({ is: 'guest', request: member })
    expect(requestOf(door, link, member.guest)).toEqual(member)
  })

  it('of the owner, or of a member from another link, is inside without a request here', () => {
    expect(standingAt(door, link, owner)).toEqual({ is: 'inside' })
    expect(standingAt(door, otherLink, member.guest)).toEqual({ is: 'inside' })
    expect(requestOf(door, link, owner)).toEqual({ refused: 'not-this-guest' })
    expect(requestOf(door, otherLink, member.guest)).toEqual({ refused: 'not-this-guest' })
  })

  it('of a guest who waits at another link, or of nobody here, is refused', () => {
    expect(standingAt(door, otherLink, waiting.guest)).toEqual({ refused: 'not-this-guest' })
    expect(standingAt(door, link, aUser())).toEqual({ refused: 'not-this-guest' })
  })

  it('is not looked at where there is no such link', () => {
    const link = newLinkId(tagOf(door.chat))
    expect(standingAt(door, link, owner)).toEqual({ refused: 'link-not-found' })
    expect(approvalAt(door, link, aUser(), undefined)).toEqual({ refused: 'link-not-found' })
    expect(approve(door, link, aUser(), undefined, 9)).toEqual({ refused: 'link-not-found' })
  })
})

describe('approving', () => {
  it('lets the guest in and tells of it', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const approved = { ...waiting, state: 'approved', decidedAt: 9 }
    const change = changed(approve(door, link, owner, waiting.id, 9))
    expect(change).toMatchObject({ events: [{ type: 'join_approved', request: approved }], result: approved })
    expect(roleOf(change.door, waiting.guest)).toBe('member')
  })

  it('is for the owner alone', () => {
    const { door, link, waiting, member } = aBusyDoor()
    for (const user of [member.guest, waiting.guest, aUser()]) {
      expect(approve(door, link, user, waiting.id, 9)).toEqual({ refused: 'not-the-owner' })
    }
  })

  it('twice changes nothing and gives the first answer', () => {
    const { door, owner, link, member } = aBusyDoor()
    expect(approve(door, link, owner, member.id, 99)).toEqual({ door, events: [], result: member })
  })

  it('without a request id means the only one who waits', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    expect(changed(approve(door, link, owner, undefined, 9)).result.id).toBe(waiting.id)
  })

  it('without a request id, where nobody waits, means the only one who is in', () => {
    const { door, owner } = aDoor()
    const invited = withLink(door, owner)
    const member = withMember(invited.door, invited.link)
    expect(changed(approve(member.door, invited.link, owner, undefined, 9)).result).toEqual(member.request)
  })

  it('without a request id is refused where nobody has asked', () => {
    const { door, owner, otherLink } = aBusyDoor()
    expect(approve(door, otherLink, owner, undefined, 9)).toEqual({ refused: 'nobody-asked' })
  })

  it('without a request id is refused where several may be meant, and names who waits', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const another = withKnock(door, link)
    expect(approve(another.door, link, owner, undefined, 9)).toEqual({
      refused: 'several-requests',
      pending: [waiting.id, another.request.id]
    })
    const both = changed(approve(door, link, owner, waiting.id, 9))
    expect(approve(both.door, link, owner, undefined, 9)).toEqual({ refused: 'several-requests', pending: [] })
  })

  it('needs a request of that very link', () => {
    const { door, owner, otherLink, link, waiting } = aBusyDoor()
    expect(approve(door, otherLink, owner, waiting.id, 9)).toEqual({ refused: 'request-not-found' })
    expect(approve(door, link, owner, newRequestId(), 9)).toEqual({ refused: 'request-not-found' })
  })
})

describe('the approval of a link', () => {
  it('is true once somebody came in and nobody waits', () => {
    const { door, owner, link, otherLink, waiting } = aBusyDoor()
    expect(approvalAt(door, otherLink, undefined, undefined)).toBe(false)
    expect(approvalAt(door, link, undefined, undefined)).toBe(false)
    const settled = changed(approve(door, link, owner, waiting.id, 9)).door
    expect(approvalAt(settled, link, undefined, undefined)).toBe(true)
    expect(approvalAt(settled, link, owner, undefined)).toBe(true)
  })

  it('asked by a guest or with a request id is that of the request', () => {
    const { door, owner, link, otherLink, waiting, member } = aBusyDoor()
    expect(approvalAt(door, link, member.guest, undefined)).toBe(true)
    expect(approvalAt(door, link, waiting.guest, undefined)).toBe(false)
    expect(approvalAt(door, link, undefined, member.id)).toBe(true)
    expect(approvalAt(door, link, waiting.guest, member.id)).toBe(true)
    expect(approvalAt(door, link, owner, waiting.id)).toBe(false)
    expect(approvalAt(door, otherLink, owner, member.id)).toEqual({ refused: 'request-not-found' })
  })

  it('is not told to a user id that is neither the owner nor a guest of the link', () => {
    const { door, link, otherLink, member } = aBusyDoor()
    expect(approvalAt(door, link, aUser(), undefined)).toEqual({ refused: 'not-this-guest' })
    expect(approvalAt(door, otherLink, member.guest, undefined)).toEqual({ refused: 'not-this-guest' })
    expect(approvalAt(door, link, aUser(), member.id)).toEqual({ refused: 'not-this-guest' })
    expect(approvalAt(door, link, aUser(), newRequestId())).toEqual({ refused: 'request-not-found' })
  })
})

describe('taking a request back', () => {
  it('closes it and tells of it', () => {
    const { door, waiting } = aBusyDoor()
    const closed = { ...waiting, state: 'closed', reason: 'left', decidedAt: 9 }
    const change = takeBack(door, waiting.guest, 9)
    expect(change.events).toEqual([{ type: 'join_closed', request: closed }])
    expect(change.door.rights).toBe(door.rights)
    expect(standingAt(change.door, waiting.link, waiting.guest)).toEqual({ is: 'guest', request: closed })
  })

  it('even once approved takes the right to enter, and says that a right was lost', () => {
    const { door, member } = aBusyDoor()
    const change = takeBack(door, member.guest, 9)
    expect(enter(change.door, member.guest)).toEqual({ refused: 'not-a-member' })
    expect(change.door.rights).toBe(door.rights + 1)
  })

  it('a second time, or for nobody, changes nothing', () => {
    const { door, waiting } = aBusyDoor()
    const once = takeBack(door, waiting.guest, 9).door
    expect(takeBack(once, waiting.guest, 10)).toEqual({ door: once, events: [], result: undefined })
    expect(takeBack(once, aUser(), 10)).toEqual({ door: once, events: [], result: undefined })
  })

  it('ends it: it cannot be approved, does not wait and does not count for the link', () => {
    const { door, owner, link, waiting } = aBusyDoor()
    const closed = takeBack(door, waiting.guest, 9).door
    expect(approve(closed, link, owner, waiting.id, 10)).toEqual({ refused: 'request-closed' })
    expect(pendingRequests(closed)).toEqual([])
    expect(approvalAt(closed, link, undefined, undefined)).toBe(true)
    expect(approvalAt(closed, link, waiting.guest, undefined)).toBe(false)
  })

  it(`is forgotten once ${MAX_ENDED_KEPT} have ended later; who waits or is in never is`, () => {
    const { link, member, ...busy } = aBusyDoor()
    let { door } = busy
    const guests = Array.from({ length: MAX_ENDED_KEPT + 2 }, () => aUser())
    for (const [index, guest] of guests.entries()) {
      door = takeBack(withKnock(door, link, guest).door, guest, 10 + index).door
    }
    expect(guests.map((guest) => door.requests.has(guest))).toEqual([false, false, ...Array(MAX_ENDED_KEPT).fill(true)])
    expect(door.requests.size).toBe(MAX_ENDED_KEPT + 2)
    expect(enter(door, member.guest)).toBe('member')
  })
})
