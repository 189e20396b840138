import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { approve, decline, expireLinks, leave, revokeLink } from '../../src/chat/changes.ts'
import {
  approvalAt,
  type Door,
  endingOf,
  isEnded,
  isFinal,
  type JoinRequest,
  joinRequestsFor,
  type ListedRequests,
  linksFor,
  openLink,
  pendingRequests,
  requestIdIsTaken,
  requestOf,
  requireMember,
  requireOwner,
  senderOf,
  standingAt,
  type WhichRequests
} from '../../src/chat/door.ts'
import { newLinkId, newRequestId, type RequestId, tagOf, type UserDigest } from '../../src/chat/ids.ts'
import {
  aBusyDoor,
  aDoor,
  anInvitedDoor,
  aUser,
  changed,
  withDeclined,
  withKnock,
  withMember
} from '../support/doors.ts'

describe('a member', () => {
  const { door, owner, link, waiting, member } = aBusyDoor()

  it('is the owner, or an approved guest', () => {
    expect([senderOf(door, owner), senderOf(door, member.guest)]).toEqual(['owner', member.id])
    expect([requireMember(door, owner), requireMember(door, member.guest)]).toEqual(['owner', member.id])
  })

  it('is not a pending guest or a stranger', () => {
    expect(requireMember(door, waiting.guest)).toEqual({ refused: 'not-a-member' })
    expect(requireMember(door, aUser())).toEqual({ refused: 'not-a-member' })
  })

  it('is not a declined guest, or one who left', () => {
    const declined = withDeclined(door, link)
    expect(requireMember(declined.door, declined.request.guest)).toEqual({ refused: 'not-a-member' })
    const left = changed(leave(door, link, member.guest, 9)).door
    expect(requireMember(left, member.guest)).toEqual({ refused: 'not-a-member' })
  })

  it('is listed for the owner only', () => {
    expect(joinRequestsFor(door, owner)).toEqual({ requests: [waiting, member], hasOlder: false })
    expect(joinRequestsFor(door, member.guest)).toEqual({ refused: 'not-the-owner' })
  })

  it('can be the only one while others are pending', () => {
    expect(pendingRequests(door)).toEqual([waiting])
  })
})

describe('the list of join requests', () => {
  /** A door with requests in these states, oldest first. */
  function aDoorWith(states: readonly JoinRequest['state'][]) {
    const { door: invited, owner, link } = anInvitedDoor()
    let door = invited
    const requests = states.map((state) => {
      if (state === 'pending') ({ door } = withKnock(door, link))
      else if (state === 'approved') ({ door } = withMember(door, link))
      else if (state === 'declined') ({ door } = withDeclined(door, link))
      else {
        const knocked = withKnock(door, link)
        ;({ door } = changed(leave(knocked.door, link, knocked.request.guest, 9)))
      }
      const newest = [...door.requests.values()].at(-1)
      if (newest === undefined) throw new Error('there is no request')
      return newest
    })
    return { door, owner, requests }
  }

  const listed = (door: Door, user: UserDigest, which: WhichRequests): ListedRequests => {
    const list = joinRequestsFor(door, user, which)
    if ('refused' in list) throw new Error(list.refused)
    return list
  }

  it('has the requests of one state, oldest first', () => {
    const { door, owner, requests } = aDoorWith(['closed', 'approved', 'pending', 'declined', 'approved', 'pending'])
    const at = (...places: number[]) => ({ requests: places.map((place) => requests[place]), hasOlder: false })
    expect(joinRequestsFor(door, owner, {})).toEqual(at(0, 1, 2, 3, 4, 5))
    expect(joinRequestsFor(door, owner, { state: 'pending' })).toEqual(at(2, 5))
    expect(joinRequestsFor(door, owner, { state: 'approved' })).toEqual(at(1, 4))
    expect(joinRequestsFor(door, owner, { state: 'ended' })).toEqual(at(0, 3))
  })

  it('has each request once if it is read backwards, in pages of any size', () => {
    const states = fc.array(fc.constantFrom<JoinRequest['state']>('pending', 'approved', 'declined', 'closed'), {
      maxLength: 20
    })
    const state = fc.constantFrom<WhichRequests['state']>(undefined, 'pending', 'approved', 'ended')
    fc.assert(
      fc.property(states, state, fc.integer({ min: 1, max: 7 }), (states, state, last) => {
        const { door, owner } = aDoorWith(states)
        const all = listed(door, owner, { state }).requests
        let found: readonly JoinRequest[] = []
        for (let before: RequestId | undefined, isFirst = true; isFirst || before !== undefined; isFirst = false) {
          const page = listed(door, owner, { state, last, before })
          found = [...page.requests, ...found]
          // A page is full unless it is the last one, and `hasOlder` is right.
          expect(page.requests).toHaveLength(Math.min(last, all.length - found.length + page.requests.length))
          expect(page.hasOlder).toBe(found.length < all.length)
          before = page.hasOlder ? page.requests[0]?.id : undefined
        }
        expect(found).toEqual(all)
      }),
      { numRuns: 200 }
    )
  })

  it('continues before a request that has changed its state meanwhile', () => {
    const { door, owner, requests } = aDoorWith(['pending', 'pending', 'pending'])
    const [first, second, third] = requests
    if (second === undefined || third === undefined) throw new Error('there are three')
    const later = changed(approve(changed(decline(door, third, owner, 9)).door, second, owner, 9)).door
    const pending = { state: 'pending' as const, last: 1 }
    expect(joinRequestsFor(later, owner, { ...pending, before: third.id })).toEqual({
      requests: [first],
      hasOlder: false
    })
    expect(joinRequestsFor(later, owner, { ...pending, before: second.id })).toEqual({
      requests: [first],
      hasOlder: false
    })
  })

  it('before an unknown request is refused as such to everybody, and otherwise to all but the owner', () => {
    const { door, owner, requests } = aDoorWith(['pending', 'approved'])
    for (const user of [owner, aUser()]) {
      expect(joinRequestsFor(door, user, { last: 2, before: newRequestId() })).toEqual({ refused: 'request-not-found' })
    }
    for (const user of [aUser(), ...requests.map(({ guest }) => guest)]) {
      const known = { last: 2, before: requests[1]?.id }
      expect(joinRequestsFor(door, user, known)).toEqual({ refused: 'not-the-owner' })
    }
  })
})

it('requireOwner refuses members, pending guests and strangers', () => {
  const { door, owner, waiting, member } = aBusyDoor()
  expect(requireOwner(door, owner)).toBe('owner')
  for (const user of [member.guest, waiting.guest, aUser()]) {
    expect(requireOwner(door, user)).toEqual({ refused: 'not-the-owner' })
    expect(linksFor(door, user)).toEqual({ refused: 'not-the-owner' })
  }
})

it('a request id is taken by a request in any state, until it is forgotten', () => {
  const { door, link, waiting, member } = aBusyDoor()
  const declined = withDeclined(door, link)
  const { door: left } = changed(leave(declined.door, link, waiting.guest, 9))
  for (const { id } of [waiting, member, declined.request]) expect(requestIdIsTaken(left, id)).toBe(true)
  expect(requestIdIsTaken(left, newRequestId())).toBe(false)
})

describe('a join request', () => {
  const { door, owner, link, waiting, member } = aBusyDoor()
  const afterwards = (change: { readonly door: typeof door }): JoinRequest => {
    const request = change.door.requests.get(waiting.guest)
    if (request === undefined) throw new Error('it is forgotten')
    return request
  }

  it('is final once it is decided, and has ended unless it is approved', () => {
    const declined = afterwards(changed(decline(door, waiting, owner, 9)))
    const closed = afterwards(changed(leave(door, link, waiting.guest, 9)))
    expect([waiting, member, declined, closed].map(isFinal)).toEqual([false, true, true, true])
    expect([waiting, member, declined, closed].map(isEnded)).toEqual([false, false, true, true])
  })

  it('has the reason why it has ended', () => {
    const limited = anInvitedDoor({ expiresAt: 9, maxGuests: 1 })
    const knocked = withKnock(limited.door, limited.link)
    const why = ({ door: { requests } }: { readonly door: typeof door }) => {
      const request = requests.get(knocked.request.guest)
      return request !== undefined && isEnded(request) ? endingOf(request) : undefined
    }
    expect(why(knocked)).toBeUndefined()
    expect(why(changed(decline(knocked.door, knocked.request, limited.owner, 5)))).toBe('declined')
    expect(why(changed(leave(knocked.door, limited.link, knocked.request.guest, 5)))).toBe('left')
    expect(why(changed(revokeLink(knocked.door, limited.link, limited.owner, 5)))).toBe('revoked')
    expect(why(expireLinks(knocked.door, 9))).toBe('expired')
    expect(why(withMember(knocked.door, limited.link))).toBe('full')
  })
})

describe('the list of links', () => {
  it('has each link with its numbers of pending guests and members, oldest first', () => {
    const { door, owner, link, otherLink } = aBusyDoor()
    const { door: known } = withDeclined(withKnock(door, link).door, link)
    expect(linksFor(known, owner)).toMatchObject([
      { link: { id: link, madeByOwner: true, ended: null }, pending: 2, approved: 1 },
      { link: { id: otherLink }, pending: 0, approved: 0 }
    ])
  })

  it('keeps an ended link, with its members and no pending guests', () => {
    const { door, owner, link } = aBusyDoor()
    const { door: revoked } = changed(revokeLink(door, link, owner, 9))
    expect(linksFor(revoked, owner)).toMatchObject([
      { link: { id: link, ended: { why: 'revoked', at: 9 } }, pending: 0, approved: 1 },
      { link: { ended: null } }
    ])
  })
})

describe('a link', () => {
  it('is open until it has ended, and then has the reason', () => {
    const { door, owner, link } = anInvitedDoor({ expiresAt: 9, maxGuests: 1 })
    expect(openLink(door, link)).toMatchObject({ id: link, expiresAt: 9, maxGuests: 1, ended: null })
    expect(openLink(expireLinks(door, 9).door, link)).toEqual({ refused: 'link-expired' })
    expect(openLink(changed(revokeLink(door, link, owner, 5)).door, link)).toEqual({ refused: 'link-revoked' })
    expect(openLink(withMember(door, link).door, link)).toEqual({ refused: 'link-full' })
  })

  it('of another chat is not found', () => {
    expect(openLink(aDoor().door, anInvitedDoor().link)).toEqual({ refused: 'link-not-found' })
  })
})

describe('a user id at a link', () => {
  const { door, owner, link, otherLink, waiting, member } = aBusyDoor()

  it('of its own guest gives that request', () => {
    expect(standingAt(door, link, waiting.guest)).toEqual({ is: 'guest', request: waiting })
    expect(standingAt(door, link, member.guest)).toEqual({ is: 'guest', request: member })
    expect(requestOf(door, link, member.guest)).toEqual(member)
  })

  it('of the owner, or of a member from another link, is inside without a request', () => {
    expect(standingAt(door, link, owner)).toEqual({ is: 'inside' })
    expect(standingAt(door, otherLink, member.guest)).toEqual({ is: 'inside' })
    expect(requestOf(door, link, owner)).toEqual({ refused: 'not-this-guest' })
    expect(requestOf(door, otherLink, member.guest)).toEqual({ refused: 'not-this-guest' })
  })

  it('of a pending or declined guest of another link, or of a stranger, is refused', () => {
    const declined = withDeclined(door, link)
    expect(standingAt(declined.door, otherLink, declined.request.guest)).toEqual({ refused: 'not-this-guest' })
    expect(standingAt(door, otherLink, waiting.guest)).toEqual({ refused: 'not-this-guest' })
    expect(standingAt(door, link, aUser())).toEqual({ refused: 'not-this-guest' })
  })

  it('is not checked if there is no such link', () => {
    const link = newLinkId(tagOf(door.chat))
    expect(standingAt(door, link, owner)).toEqual({ refused: 'link-not-found' })
    expect(approvalAt(door, link, aUser(), undefined)).toEqual({ refused: 'link-not-found' })
    expect(requestOf(door, link, member.guest)).toEqual({ refused: 'link-not-found' })
  })
})

describe('a user id at an ended link', () => {
  const busy = aBusyDoor()
  const { link, otherLink, owner, waiting, member } = busy
  const { door } = changed(revokeLink(busy.door, link, owner, 9))

  it('of its own guest gives that request, which was closed if it was pending', () => {
    const closed = { ...waiting, state: 'closed', reason: 'revoked', decidedAt: 9 }
    expect(standingAt(door, link, waiting.guest)).toEqual({ is: 'guest', request: closed })
    expect(requestOf(door, link, waiting.guest)).toEqual(closed)
    expect(standingAt(door, link, member.guest)).toEqual({ is: 'guest', request: member })
  })

  it('of the owner, or of a member from another link, is inside', () => {
    const elsewhere = withMember(door, otherLink)
    expect(standingAt(elsewhere.door, link, elsewhere.request.guest)).toEqual({ is: 'inside' })
    expect(standingAt(door, link, owner)).toEqual({ is: 'inside' })
  })

  it('of a stranger is refused', () => {
    expect(standingAt(door, link, aUser())).toEqual({ refused: 'not-this-guest' })
  })
})

describe('the approval of a link', () => {
  it('is true if the link has members and no pending guests', () => {
    const { door, owner, link, otherLink, waiting } = aBusyDoor()
    expect(approvalAt(door, otherLink, undefined, undefined)).toBe(false)
    expect(approvalAt(door, link, undefined, undefined)).toBe(false)
    const settled = changed(approve(door, waiting, owner, 9)).door
    expect(approvalAt(settled, link, undefined, undefined)).toBe(true)
    expect(approvalAt(settled, link, owner, undefined)).toBe(true)
  })

  it('does not count ended requests', () => {
    const { door, owner, link, waiting, member } = aBusyDoor()
    const declined = changed(decline(door, waiting, owner, 9)).door
    expect(approvalAt(declined, link, undefined, undefined)).toBe(true)
    expect(approvalAt(declined, link, waiting.guest, undefined)).toBe(false)
    const left = changed(leave(declined, link, member.guest, 9)).door
    expect(approvalAt(left, link, undefined, undefined)).toBe(false)
    expect(approvalAt(left, link, undefined, member.id)).toBe(false)
  })

  it('is that of the request for a guest, or with a request id', () => {
    const { door, owner, link, otherLink, waiting, member } = aBusyDoor()
    expect(approvalAt(door, link, member.guest, undefined)).toBe(true)
    expect(approvalAt(door, link, waiting.guest, undefined)).toBe(false)
    expect(approvalAt(door, link, undefined, member.id)).toBe(true)
    expect(approvalAt(door, link, waiting.guest, member.id)).toBe(true)
    expect(approvalAt(door, link, owner, waiting.id)).toBe(false)
    expect(approvalAt(door, otherLink, owner, member.id)).toEqual({ refused: 'request-not-found' })
  })

  it('is refused to everybody but the owner and guests of the link, if there is a user id', () => {
    const { door, link, otherLink, member } = aBusyDoor()
    expect(approvalAt(door, link, aUser(), undefined)).toEqual({ refused: 'not-this-guest' })
    expect(approvalAt(door, otherLink, member.guest, undefined)).toEqual({ refused: 'not-this-guest' })
    expect(approvalAt(door, link, aUser(), member.id)).toEqual({ refused: 'not-this-guest' })
    expect(approvalAt(door, link, aUser(), newRequestId())).toEqual({ refused: 'request-not-found' })
  })
})
