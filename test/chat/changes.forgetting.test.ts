/** A door forgets some ended requests and links, so that it cannot grow for ever. */
import { describe, expect, it } from 'vitest'
import {
  approve,
  decline,
  leave,
  MAX_ENDED_KEPT,
  MAX_ENDED_WITH_LINK_KEPT,
  MAX_WAITING_PER_LINK,
  revokeLink
} from '../../src/chat/changes.ts'
import { type Door, linkOf, pendingRequests, requestOf, requireMember } from '../../src/chat/door.ts'
import type { LinkId, UserDigest } from '../../src/chat/ids.ts'
import { aBusyDoor, changed, withKnock, withLink } from '../support/doors.ts'

describe('a withdrawn or declined request', () => {
  const left = (door: Door, link: LinkId, now: number) => {
    const { door: knocked, request } = withKnock(door, link)
    return { door: changed(leave(knocked, link, request.guest, now)).door, guest: request.guest }
  }

  it(`is forgotten once ${MAX_ENDED_KEPT} have ended after it; pending requests and members never are`, () => {
    const busy = aBusyDoor()
    let { door } = busy
    const guests = Array.from({ length: MAX_ENDED_KEPT + 2 }, (_, index) => {
      const next = left(door, busy.link, 10 + index)
      door = next.door
      return next.guest
    })
    expect(guests.map((guest) => door.requests.get(guest) !== undefined)).toEqual([
      false,
      false,
      ...Array(MAX_ENDED_KEPT).fill(true)
    ])
    expect(door.requests.size).toBe(MAX_ENDED_KEPT + 2)
    expect(requireMember(door, busy.member.guest)).toBe(busy.member.id)
    expect(pendingRequests(door)).toEqual([busy.waiting])
  })

  it('is forgotten in the order of endings, not of requests', () => {
    const busy = aBusyDoor()
    let { door } = busy
    for (let count = 0; count < MAX_ENDED_KEPT; count++) door = left(door, busy.link, 10).door
    door = changed(decline(door, busy.waiting, busy.owner, 11)).door
    expect(door.requests.get(busy.waiting.guest)).toMatchObject({ state: 'declined' })
    expect(door.requests.size).toBe(MAX_ENDED_KEPT + 1)
  })
})

describe('a request that ended with its link', () => {
  /** Revokes `count` links, one a millisecond, each with as many pending guests as possible. */
  const revoked = (door: Door, links: number) => {
    const guests: UserDigest[] = []
    let after = door
    for (let count = 0; count < links; count++) {
      const invited = withLink(after, door.owner)
      after = invited.door
      for (let waiting = 0; waiting < MAX_WAITING_PER_LINK; waiting++) {
        const knocked = withKnock(after, invited.link)
        guests.push(knocked.request.guest)
        after = knocked.door
      }
      after = changed(revokeLink(after, invited.link, door.owner, 100 + count)).door
    }
    return { door: after, guests }
  }

  it(`is forgotten once ${MAX_ENDED_WITH_LINK_KEPT} have ended with their links after it, and other ended requests are not`, () => {
    const busy = aBusyDoor()
    const left = withKnock(changed(decline(busy.door, busy.waiting, busy.owner, 9)).door, busy.link)
    const before = changed(leave(left.door, busy.link, left.request.guest, 9)).door
    const { door, guests } = revoked(before, MAX_ENDED_WITH_LINK_KEPT / MAX_WAITING_PER_LINK + 1)
    const kept = guests.filter((guest) => door.requests.get(guest) !== undefined)
    expect(kept).toEqual(guests.slice(-MAX_ENDED_WITH_LINK_KEPT))
    expect(door.requests.get(busy.waiting.guest)).toMatchObject({ state: 'declined' })
    expect(door.requests.get(left.request.guest)).toMatchObject({ reason: 'left' })
    expect(requireMember(door, busy.member.guest)).toBe(busy.member.id)
  })

  it('is not forgotten because of withdrawn or declined requests', () => {
    const busy = aBusyDoor()
    let door = changed(revokeLink(busy.door, busy.link, busy.owner, 9)).door
    for (let count = 0; count <= MAX_ENDED_KEPT; count++) {
      const knocked = withKnock(door, busy.otherLink)
      door = changed(decline(knocked.door, knocked.request, busy.owner, 10)).door
    }
    expect(door.requests.get(busy.waiting.guest)).toMatchObject({ state: 'closed', reason: 'revoked' })
    expect(door.requests.size).toBe(MAX_ENDED_KEPT + 2)
  })
})

describe('an ended link', () => {
  const revokedOften = (door: Door, times: number, first: number): Door =>
    Array.from({ length: times }).reduce<Door>((before, _, index) => {
      const invited = withLink(before, door.owner)
      return changed(revokeLink(invited.door, invited.link, door.owner, first + index)).door
    }, door)

  it(`is forgotten once ${MAX_ENDED_KEPT} have ended after it, unless it has members; open links never are`, () => {
    const { door, owner, link, otherLink } = aBusyDoor()
    const empty = withLink(door, owner)
    const ended = [empty.link, link].reduce((so, id) => changed(revokeLink(so, id, owner, 9)).door, empty.door)
    const kept = revokedOften(ended, MAX_ENDED_KEPT - 1, 10)
    expect(linkOf(kept, empty.link)).toBeDefined()
    const after = revokedOften(kept, 1, 1000)
    expect(linkOf(after, empty.link)).toBeUndefined()
    expect(revokeLink(after, empty.link, owner, 2000)).toEqual({ refused: 'link-not-found' })
    expect(linkOf(after, link)?.ended).toEqual({ why: 'revoked', at: 9 })
    expect(linkOf(after, otherLink)?.ended).toBeNull()
    expect(after.links).toHaveLength(MAX_ENDED_KEPT + 2)
  })

  it('is kept with the requests of its former members, which are never forgotten', () => {
    const { door, owner, otherLink } = aBusyDoor()
    const { door: invited, link } = withLink(door, owner)
    const { door: knocked, request: member } = withKnock(invited, link)
    const { door: entered } = changed(approve(knocked, { link, id: member.id }, owner, 8))
    const ended = revokedOften(changed(revokeLink(entered, link, owner, 9)).door, MAX_ENDED_KEPT, 10)
    let { door: after } = changed(leave(ended, link, member.guest, 1000))
    expect(requestOf(after, link, member.guest)).toMatchObject({ state: 'closed', reason: 'left' })
    expect(changed(leave(after, link, member.guest, 1001)).door).toBe(after)
    for (let count = 0; count < MAX_ENDED_KEPT; count++) {
      const { door: knocked, request } = withKnock(after, otherLink)
      after = changed(leave(knocked, otherLink, request.guest, 2000 + count)).door
    }
    expect(after.requests.get(member.guest)).toMatchObject({ state: 'closed', admittedAt: 8 })
    expect(linkOf(after, link)).toBeDefined()
  })
})
