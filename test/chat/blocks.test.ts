/** The owner blocks the network of a guest at one link, for a day; where guests asked from is kept for a day, too. */
import { describe, expect, it } from 'vitest'
import {
  approve,
  decline,
  forgetNetworks,
  knock,
  leave,
  MAX_BLOCKS_PER_LINK,
  MAX_ENDED_KEPT,
  revokeLink
} from '../../src/chat/changes.ts'
import { BLOCK_MS, type Door, linkFor, linkOf } from '../../src/chat/door.ts'
import { type LinkId, networkDigest, newRequestId } from '../../src/chat/ids.ts'
import { anInvitedDoor, aUser, changed, withKnock, withLink } from '../support/doors.ts'

const NOW = 1_000_000

function asked(door: Door, link: LinkId, network = '192.0.2.1', isSure = true) {
  const identity = { id: newRequestId(), link, guest: aUser(), name: null, requestedAt: NOW }
  const digest = networkDigest(door.chat, network)
  const change = knock(door, { ...identity, network: digest, ...(!isSure && { isNetworkUnsure: true }) })
  return { ...changed(change), network: digest }
}

function blocked(network = '192.0.2.1') {
  const { door, owner, link } = anInvitedDoor()
  const first = asked(door, link, network)
  const change = changed(decline(first.door, first.result, owner, NOW, { block: true }))
  return { ...change, owner, link, network: first.network, request: first.result }
}

describe('a block', () => {
  it('refuses everybody from that network, at that link, until a day has passed', () => {
    const { door, owner, link, network } = blocked()
    expect(linkFor(door, link, network, NOW)).toEqual({ refused: 'blocked', forMs: BLOCK_MS })
    expect(linkFor(door, link, network, NOW + BLOCK_MS - 1)).toEqual({ refused: 'blocked', forMs: 1 })
    expect(linkFor(door, link, network, NOW + BLOCK_MS)).toMatchObject({ id: link })
    expect(() => asked(door, link)).toThrow('refused: blocked')
    expect(asked(door, link, '192.0.2.2').result.state).toBe('pending')
    const other = withLink(door, owner)
    expect(asked(other.door, other.link).result.state).toBe('pending')
    expect(linkFor(door, link, undefined, NOW)).toMatchObject({ id: link })
  })

  it('is lifted when the same request is approved, not when another one is', () => {
    const { door, owner, link, network, request } = blocked()
    const other = asked(door, link, '192.0.2.2')
    const admitted = changed(approve(other.door, other.result, owner, NOW + 1)).door
    expect(linkFor(admitted, link, network, NOW + 2)).toMatchObject({ refused: 'blocked' })
    const lifted = changed(approve(admitted, request, owner, NOW + 2)).door
    expect(linkFor(lifted, link, network, NOW + 2)).toMatchObject({ id: link })
  })

  it('can follow a decline within a day, and can remove a member', () => {
    const { door, owner, link } = anInvitedDoor()
    const first = asked(door, link)
    const declined = changed(decline(first.door, first.result, owner, NOW))
    const late = changed(decline(declined.door, first.result, owner, NOW + BLOCK_MS - 1, { block: true }))
    expect(late.events).toEqual([])
    expect(late.result).toEqual(declined.result)
    expect(linkFor(late.door, link, first.network, NOW + BLOCK_MS)).toMatchObject({ refused: 'blocked' })
    expect(decline(declined.door, first.result, owner, NOW + BLOCK_MS, { block: true })).toEqual({
      refused: 'network-unknown'
    })
    const member = changed(approve(first.door, first.result, owner, NOW))
    const removed = changed(decline(member.door, first.result, owner, NOW + 9 * BLOCK_MS, { block: true }))
    expect(linkFor(removed.door, link, first.network, NOW + 9 * BLOCK_MS)).toMatchObject({ refused: 'blocked' })
  })

  it('is refused, and decides nothing, where the network is not known', () => {
    const { door, owner, link } = anInvitedDoor()
    const unsure = asked(door, link, '10.0.0.1', false)
    expect(decline(unsure.door, unsure.result, owner, NOW, { block: true })).toEqual({ refused: 'network-unknown' })
    const unknown = withKnock(door, link)
    expect(decline(unknown.door, unknown.request, owner, NOW, { block: true })).toEqual({ refused: 'network-unknown' })
    // Declined and approved again, it is as unsure as before.
    const declined = changed(decline(unsure.door, unsure.result, owner, NOW))
    const approved = changed(approve(declined.door, unsure.result, owner, NOW))
    expect(decline(approved.door, unsure.result, owner, NOW, { block: true })).toEqual({ refused: 'network-unknown' })
  })

  it('needs a request of this version: earlier ones kept another digest, which goes with the decision', () => {
    const { door, owner, link } = anInvitedDoor()
    const knocked = withKnock(door, link)
    const old = { ...knocked.request, source: 'a digest of before' }
    const before = { ...knocked.door, requests: knocked.door.requests.with(old) }
    expect(decline(before, old, owner, NOW, { block: true })).toEqual({ refused: 'network-unknown' })
    expect(changed(decline(before, old, owner, NOW)).result).not.toHaveProperty('source')
    expect(changed(approve(before, old, owner, NOW)).result).not.toHaveProperty('source')
  })

  it('outlasts the request, and the latest ones are kept', () => {
    const { door: first, owner, link, network } = blocked()
    let door = first
    for (let count = 0; count <= MAX_ENDED_KEPT; count++) {
      const knocked = withKnock(door, link)
      door = changed(leave(knocked.door, link, knocked.request.guest, NOW + 1)).door
    }
    expect(linkFor(door, link, network, NOW + 1)).toMatchObject({ refused: 'blocked' })
    for (let count = 0; count < MAX_BLOCKS_PER_LINK; count++) {
      const next = asked(door, link, `198.51.100.${count}`)
      door = changed(decline(next.door, next.result, owner, NOW + 1, { block: true })).door
    }
    expect(linkOf(door, link)?.blocks).toHaveLength(MAX_BLOCKS_PER_LINK)
    expect(linkFor(door, link, network, NOW + 1)).toMatchObject({ id: link })
  })
})

describe('a change of other blocks', () => {
  it('leaves the door as it is where there is nothing to change', () => {
    const { door, owner, link } = blocked()
    const other = asked(door, link, '192.0.2.2')
    const approved = changed(approve(other.door, other.result, owner, NOW)).door
    expect(approved.links).toBe(other.door.links)
  })
})

describe('where guests asked from', () => {
  it('is in no event', () => {
    const { door, owner, link } = anInvitedDoor()
    const first = asked(door, link)
    const second = asked(first.door, link)
    const approved = changed(approve(second.door, first.result, owner, NOW))
    const declined = changed(decline(approved.door, first.result, owner, NOW, { block: true }))
    const revoked = changed(revokeLink(declined.door, link, owner, NOW))
    const left = changed(leave(second.door, link, second.result.guest, NOW))
    const events = [first, second, approved, declined, revoked, left].flatMap((change) => change.events)
    expect(events.map(({ type }) => type)).toHaveLength(6)
    expect(JSON.stringify(events)).not.toContain(first.network)
    expect(JSON.stringify(revoked.door.requests.get(first.result.guest))).toContain(first.network)
  })

  it('is forgotten a day after the request has ended, and so is a block that is over', () => {
    const { door, owner, link, network, request } = blocked()
    const waiting = asked(door, link, '192.0.2.2')
    const later = asked(waiting.door, link, '192.0.2.3')
    const both = changed(decline(later.door, later.result, owner, NOW + 5)).door
    expect(forgetNetworks(both, NOW + BLOCK_MS - 1)).toBe(both)
    const forgotten = forgetNetworks(both, NOW + BLOCK_MS)
    const { network: _, ...rest } = both.requests.get(request.guest) ?? request
    expect(forgotten.requests.get(request.guest)).toEqual(rest)
    expect(linkOf(forgotten, link)?.blocks).toEqual([])
    expect([...forgotten.requests.values()].flatMap((one) => one.network ?? [])).not.toContain(network)
    for (const kept of [waiting, later]) {
      expect(forgotten.requests.get(kept.result.guest)?.network).toBe(kept.network)
    }
    // The order in which requests have ended, by which they are forgotten as a whole, stays.
    expect(forgotten.requests.oldestEnded('alone', 0)).toEqual([request.guest, later.result.guest])
  })
})
