/** How links are made and how they end: full, expired, revoked. */
import { describe, expect, it } from 'vitest'
import {
  addLink,
  approve,
  decline,
  expireLinks,
  knock,
  leave,
  MAX_OPEN_LINKS,
  MAX_OPEN_LINKS_OF_OTHERS,
  revokeLink
} from '../../src/chat/changes.ts'
import { type Door, type JoinRequest, linkOf, senderOf } from '../../src/chat/door.ts'
import { type LinkId, newLinkId, newRequestId, tagOf, type UserDigest } from '../../src/chat/ids.ts'
import {
  aBusyDoor,
  aDoor,
  anInvitedDoor,
  aUser,
  changed,
  joinsOf,
  withDeclined,
  withKnock,
  withLink,
  withMember
} from '../support/doors.ts'

const nextId = (door: Door) => newLinkId(tagOf(door.chat))
const askAt = (door: Door, link: LinkId) =>
  knock(door, { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: 5 })
const closed = (request: JoinRequest, reason: string, decidedAt: number) => ({
  type: 'join_closed',
  request: { ...request, state: 'closed', reason, decidedAt }
})

function withLinks(door: Door, count: number, maker?: UserDigest): Door {
  return Array.from({ length: count }).reduce<Door>((before) => withLink(before, maker).door, door)
}

describe('addLink', () => {
  it('adds an open link with its limits, and does not change the door in place', () => {
    const { door, owner } = aDoor()
    const id = nextId(door)
    const { door: after, events, result } = changed(addLink(door, id, owner, 7, { expiresAt: 99, maxGuests: 3 }))
    expect(result).toEqual({ id, createdAt: 7, madeByOwner: true, expiresAt: 99, maxGuests: 3, ended: null })
    expect([after.links, events, after.rights]).toEqual([[result], [], 0])
    expect(door.links).toEqual([])
  })

  it('adds a link without limits by default', () => {
    const { door } = aDoor()
    const made = { madeByOwner: false, expiresAt: null, maxGuests: null }
    expect(changed(addLink(door, nextId(door), undefined, 1)).result).toMatchObject(made)
  })

  it(`allows everybody, but only ${MAX_OPEN_LINKS_OF_OTHERS} links that are not made by the owner`, () => {
    const { door, owner } = aDoor()
    const full = withLinks(withLinks(door, 1, owner), MAX_OPEN_LINKS_OF_OTHERS)
    expect(addLink(full, nextId(door), undefined, 1)).toEqual({ refused: 'too-many-links' })
    expect(addLink(full, nextId(door), aUser(), 1)).toEqual({ refused: 'too-many-links' })
    expect(addLink(full, nextId(door), owner, 1)).toHaveProperty('result')
  })

  it(`allows ${MAX_OPEN_LINKS} links, for the owner, too`, () => {
    const { door, owner } = aDoor()
    const full = withLinks(withLinks(door, MAX_OPEN_LINKS_OF_OTHERS), MAX_OPEN_LINKS - MAX_OPEN_LINKS_OF_OTHERS, owner)
    expect(full.links).toHaveLength(MAX_OPEN_LINKS)
    expect(addLink(full, nextId(door), owner, 1)).toEqual({ refused: 'too-many-links' })
  })

  it('counts open links only', () => {
    const { door, owner } = aDoor()
    const ending = withLink(door, undefined, { expiresAt: 5, maxGuests: 1 })
    const full = withLinks(ending.door, MAX_OPEN_LINKS_OF_OTHERS - 1)
    const revoked = changed(revokeLink(full, ending.link, owner, 2)).door
    for (const roomy of [revoked, expireLinks(full, 5).door, withMember(full, ending.link).door]) {
      expect(addLink(roomy, nextId(door), undefined, 5)).toHaveProperty('result')
    }
    const crowded = withLinks(revoked, MAX_OPEN_LINKS - MAX_OPEN_LINKS_OF_OTHERS + 1, owner)
    expect(crowded.links).toHaveLength(MAX_OPEN_LINKS + 1)
    expect(addLink(crowded, nextId(door), owner, 5)).toEqual({ refused: 'too-many-links' })
  })
})

describe('a link with maxGuests', () => {
  it('is full with the approval of the last guest, which closes pending requests, oldest first', () => {
    const { door, owner, link } = anInvitedDoor({ maxGuests: 2 })
    const first = withKnock(withMember(door, link).door, link)
    const [meant, last] = [withKnock(first.door, link), aUser()]
    const { door: before, request } = withKnock(meant.door, link, last)
    const { door: after, events, result } = changed(approve(before, meant.request, owner, 9))
    expect(events).toEqual([
      { type: 'join_approved', request: result },
      closed(first.request, 'full', 9),
      closed(request, 'full', 9)
    ])
    expect(linkOf(after, link)?.ended).toEqual({ why: 'full', at: 9 })
    expect(after.requests.get(last)).toEqual(joinsOf(events)[2]?.request)
    expect(senderOf(after, meant.request.guest)).toBe(meant.request.id)
    expect(after.rights).toBe(before.rights)
    expect(askAt(after, link)).toEqual({ refused: 'link-full' })
  })

  it('is open until then', () => {
    const { door, link } = anInvitedDoor({ maxGuests: 2 })
    const { door: one } = withMember(door, link)
    expect(linkOf(one, link)?.ended).toBeNull()
    expect(askAt(one, link)).toHaveProperty('result')
  })

  it('closes no requests at other links', () => {
    const { door, link } = anInvitedDoor({ maxGuests: 1 })
    const other = withLink(door)
    const waiting = withKnock(other.door, other.link)
    const { door: full } = withMember(waiting.door, link)
    expect(full.requests.get(waiting.request.guest)).toEqual(waiting.request)
    expect(linkOf(full, other.link)?.ended).toBeNull()
  })

  it('counts only members', () => {
    const { door, owner, link } = anInvitedDoor({ maxGuests: 2 })
    const first = withMember(door, link)
    const { door: left } = changed(leave(first.door, link, first.request.guest, 4))
    const second = withMember(left, link)
    const { door: withdrawn } = changed(decline(second.door, second.request, owner, 5))
    const third = withMember(withDeclined(withdrawn, link).door, link)
    expect(linkOf(third.door, link)?.ended).toBeNull()
    expect(linkOf(withMember(third.door, link).door, link)?.ended).toMatchObject({ why: 'full' })
  })

  it('counts only members who came in through it', () => {
    const { door, link } = anInvitedDoor({ maxGuests: 2 })
    const other = withLink(door)
    const { door: after } = withMember(withMember(other.door, other.link).door, link)
    expect(linkOf(after, link)?.ended).toBeNull()
  })

  it('counts a declined guest who is approved later', () => {
    const { door, owner, link } = anInvitedDoor({ maxGuests: 1 })
    const { door: declined, request } = withDeclined(door, link)
    const waiting = withKnock(declined, link)
    const { door: after, events } = changed(approve(waiting.door, request, owner, 9))
    expect(events).toMatchObject([{ type: 'join_approved' }, closed(waiting.request, 'full', 9)])
    expect(linkOf(after, link)?.ended).toEqual({ why: 'full', at: 9 })
  })

  it('stays full when a member leaves or is removed', () => {
    const { door, owner, link } = anInvitedDoor({ maxGuests: 1 })
    const { door: full, request } = withMember(door, link)
    const { door: left } = changed(leave(full, link, request.guest, 9))
    const { door: withdrawn } = changed(decline(full, request, owner, 9))
    for (const after of [left, withdrawn]) {
      expect(askAt(after, link)).toEqual({ refused: 'link-full' })
      expect(linkOf(after, link)?.ended).toEqual({ why: 'full', at: 3 })
    }
    expect(approve(withdrawn, request, owner, 10)).toEqual({ refused: 'request-closed', state: 'declined' })
  })
})

describe('a link that expires', () => {
  it('ends at that instant, and not one millisecond earlier', () => {
    const { door, link } = anInvitedDoor({ expiresAt: 50 })
    const { door: before, request } = withKnock(door, link)
    expect(expireLinks(before, 49).door).toBe(before)
    expect(expireLinks(before, 49).events).toEqual([])
    const { door: after, events } = expireLinks(before, 50)
    expect(linkOf(after, link)?.ended).toEqual({ why: 'expired', at: 50 })
    expect(events).toEqual([closed(request, 'expired', 50)])
    expect(askAt(after, link)).toEqual({ refused: 'link-expired' })
  })

  it('ends as of that instant, however late, and so do its pending requests', () => {
    const { door, link } = anInvitedDoor({ expiresAt: 50 })
    const { door: before, request } = withKnock(door, link)
    const { door: after, events } = expireLinks(before, 5000)
    expect(linkOf(after, link)?.ended).toEqual({ why: 'expired', at: 50 })
    expect(events).toEqual([closed(request, 'expired', 50)])
  })

  it('does not change members and ended requests', () => {
    const { door, link } = anInvitedDoor({ expiresAt: 50 })
    const declined = withDeclined(door, link)
    const { door: before, request } = withMember(declined.door, link)
    const { door: after, events } = expireLinks(before, 50)
    expect(senderOf(after, request.guest)).toBe(request.id)
    expect(after.requests.get(declined.request.guest)).toEqual(declined.request)
    expect([events, after.rights]).toEqual([[], before.rights])
  })

  it('ends in the order of the instants, and other links stay open', () => {
    const { door, owner, link: late } = anInvitedDoor({ expiresAt: 70 })
    const early = withLink(door, owner, { expiresAt: 50 })
    const never = withLink(early.door, owner)
    const future = withLink(never.door, owner, { expiresAt: 71 })
    const links = [late, early.link, never.link, future.link]
    const requests: JoinRequest[] = []
    const before = links.reduce((before, link) => {
      const knocked = withKnock(before, link)
      requests.push(knocked.request)
      return knocked.door
    }, future.door)
    const { door: after, events } = expireLinks(before, 70)
    expect(joinsOf(events).map(({ request }) => [request.id, request.decidedAt])).toEqual([
      [requests[1]?.id, 50],
      [requests[0]?.id, 70]
    ])
    expect(links.map((link) => linkOf(after, link)?.ended?.at)).toEqual([70, 50, undefined, undefined])
    expect(requests.map(({ guest }) => after.requests.get(guest)?.state)).toEqual([
      'closed',
      'closed',
      'pending',
      'pending'
    ])
    expect(after.nextExpiry).toBe(71)
    expect(expireLinks(after, 70).door).toBe(after)
  })
})

it('nextExpiry is that of the open link that expires first, after every kind of change', () => {
  const { door, owner } = aDoor()
  expect(withLink(door).door.nextExpiry).toBeNull()
  const first = withLink(door, owner, { expiresAt: 70 })
  const second = withLink(first.door, owner, { expiresAt: 50, maxGuests: 1 })
  const third = withLink(second.door, owner, { expiresAt: 60 })
  expect([first, second, third].map(({ door: { nextExpiry } }) => nextExpiry)).toEqual([70, 50, 50])
  expect(withMember(third.door, second.link).door.nextExpiry).toBe(60)
  expect(changed(revokeLink(third.door, second.link, owner, 9)).door.nextExpiry).toBe(60)
  expect(changed(revokeLink(third.door, first.link, owner, 9)).door.nextExpiry).toBe(50)
  expect(expireLinks(third.door, 50).door.nextExpiry).toBe(60)
  expect(expireLinks(third.door, 70).door.nextExpiry).toBeNull()
})

describe('revokeLink', () => {
  it('ends the link and closes its pending requests, oldest first; members stay', () => {
    const { door, owner, link, waiting, member } = aBusyDoor()
    const second = withKnock(door, link)
    const { door: after, events } = changed(revokeLink(second.door, link, owner, 9))
    expect(linkOf(after, link)?.ended).toEqual({ why: 'revoked', at: 9 })
    expect(events).toEqual([closed(waiting, 'revoked', 9), closed(second.request, 'revoked', 9)])
    expect(after.requests.get(waiting.guest)).toEqual(joinsOf(events)[0]?.request)
    expect(senderOf(after, member.guest)).toBe(member.id)
    expect(after.rights).toBe(door.rights)
    expect(askAt(after, link)).toEqual({ refused: 'link-revoked' })
  })

  it('is refused to everybody but the owner, after unknown links', () => {
    const { door, member } = aBusyDoor()
    const maker = aUser()
    const { door: known, link } = withLink(door, maker)
    for (const user of [maker, member.guest, aUser()]) {
      expect(revokeLink(known, link, user, 9)).toEqual({ refused: 'not-the-owner' })
      expect(revokeLink(known, nextId(door), user, 9)).toEqual({ refused: 'link-not-found' })
    }
  })

  it('changes nothing if the link has ended already', () => {
    const { door, owner, link } = anInvitedDoor({ expiresAt: 50, maxGuests: 1 })
    const revoked = changed(revokeLink(door, link, owner, 9)).door
    for (const ended of [revoked, expireLinks(door, 50).door, withMember(door, link).door]) {
      const again: unknown = revokeLink(ended, link, owner, 99)
      expect(again).toEqual({ door: ended, events: [], result: undefined })
      expect(changed(revokeLink(ended, link, owner, 99)).door).toBe(ended)
    }
  })

  it('ends the link for good: its expiry changes nothing', () => {
    const { door, owner, link } = anInvitedDoor({ expiresAt: 50 })
    const open = withLink(door, owner, { expiresAt: 50 })
    const revoked = changed(revokeLink(open.door, link, owner, 9)).door
    expect(linkOf(expireLinks(revoked, 99).door, link)?.ended).toEqual({ why: 'revoked', at: 9 })
  })
})
