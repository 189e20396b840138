/** Join requests whose guests do not have their client id yet: they are withdrawn unless it is used in time. */
import { describe, expect, it } from 'vitest'
import { asOf } from '../../src/chat/as-of.ts'
import { applyDue, approve, claim, decline, extend, knock } from '../../src/chat/changes.ts'
import { type Door, nextDue } from '../../src/chat/door.ts'
import { type LinkId, newLinkId, newRequestId, newUserId, tagOf, type UserDigest } from '../../src/chat/ids.ts'
import { createService } from '../../src/chat/service.ts'
import { StoreUnavailable } from '../../src/chat/store.ts'
import { memoryStore } from '../../src/store/memory/memory-store.ts'
import { anInvitedDoor, aUser, changed, joinsOf, withKnock, withMember } from '../support/doors.ts'
import { eventually } from '../support/eventually.ts'

const UNTIL = 100

function provisional(door: Door, link: LinkId, guest: UserDigest, until = UNTIL): Door {
  const identity = { id: newRequestId(), link, guest, name: null, requestedAt: 1 }
  return changed(knock(door, identity, { provisionalUntil: until })).door
}

const stateOf = (door: Door, guest: UserDigest) => door.requests.get(guest)?.state

describe('a provisional request', () => {
  it('is withdrawn at its instant, as of that instant, and not before', () => {
    const { door, link } = anInvitedDoor()
    const guest = aUser()
    const waiting = provisional(door, link, guest)
    expect(nextDue(waiting)).toBe(UNTIL)
    expect(applyDue(waiting, UNTIL - 1).door).toBe(waiting)
    const { door: after, events } = applyDue(waiting, UNTIL + 50)
    expect(events).toMatchObject([{ type: 'join_closed', request: { guest, reason: 'left', decidedAt: UNTIL } }])
    expect(after.requests.get(guest)).toEqual(joinsOf(events)[0]?.request)
    expect(nextDue(after)).toBeNull()
    expect(after.rights).toBe(door.rights)
  })

  it('stays once it is claimed or extended, also one that was approved', () => {
    const { door, owner, link } = anInvitedDoor()
    const guest = aUser()
    const waiting = provisional(door, link, guest)
    const claimed = changed(claim(waiting, guest, 5)).door
    expect(nextDue(claimed)).toBeNull()
    expect(claim(claimed, guest, 6).door).toBe(claimed)
    expect(stateOf(applyDue(claimed, 500).door, guest)).toBe('pending')
    const extended = extend(waiting, guest, 200).door
    expect([nextDue(extended), stateOf(applyDue(extended, 199).door, guest)]).toEqual([200, 'pending'])
    const approved = changed(approve(waiting, { link, id: undefined }, owner, 6)).door
    expect(nextDue(approved)).toBe(UNTIL)
    expect(stateOf(applyDue(claim(approved, guest, 7).door, 500).door, guest)).toBe('approved')
    const lapsed = applyDue(approved, 500)
    expect([stateOf(lapsed.door, guest), lapsed.door.rights]).toEqual(['closed', approved.rights + 1])
  })

  it('that has ended or does not exist is neither claimed nor extended', () => {
    const { door, owner, link } = anInvitedDoor()
    const guest = aUser()
    const declined = changed(decline(provisional(door, link, guest), { link, id: undefined }, owner, 5)).door
    for (const one of [claim(declined, guest, 6), extend(declined, guest, 200), claim(declined, aUser(), 6)]) {
      expect(one.door).toBe(declined)
    }
    expect(nextDue(declined)).toBeNull()
  })

  it('takes no seat for good: the link is full when it is claimed, and open again if it lapses', () => {
    const { door, owner, link } = anInvitedDoor({ maxGuests: 1 })
    const [ghost, guest] = [aUser(), aUser()]
    const both = withKnock(provisional(door, link, ghost), link, guest)
    const id = both.door.requests.get(ghost)?.id
    const approved = changed(approve(both.door, { link, id }, owner, 6)).door
    expect(approved.links[0]?.ended).toBeNull()
    expect(stateOf(approved, guest)).toBe('pending')
    expect(approve(approved, { link, id: both.request.id }, owner, 7)).toEqual({ refused: 'link-full' })

    const claimed = claim(approved, ghost, 8)
    expect(claimed.door.links[0]?.ended).toEqual({ why: 'full', at: 8 })
    expect(claimed.events).toMatchObject([{ type: 'join_closed', request: { guest, reason: 'full' } }])

    const lapsed = applyDue(approved, UNTIL).door
    const real = changed(approve(lapsed, { link, id: both.request.id }, owner, UNTIL + 1)).door
    expect([stateOf(real, guest), real.links[0]?.ended?.why]).toEqual(['approved', 'full'])
  })

  it('counts as a seat beside others', () => {
    const { door, owner, link } = anInvitedDoor({ maxGuests: 2 })
    const member = withMember(door, link)
    const waiting = provisional(member.door, link, aUser())
    const approved = changed(approve(waiting, { link, id: undefined }, owner, 6)).door
    expect(approved.links[0]?.ended).toBeNull()
  })

  it('comes due in order with links, also in an idle chat', () => {
    const { door, link } = anInvitedDoor({ expiresAt: UNTIL + 10 })
    const [early, late] = [aUser(), aUser()]
    const waiting = provisional(provisional(door, link, early), link, late, UNTIL + 20)
    const stored = { door: waiting, version: 1, lastEventId: 2, idleSince: 1 }
    const present = asOf(stored, 1000, { afterEventMs: 5000, emptyMs: 5000 })
    if (present === 'ended') throw new Error('the chat has ended')
    expect(present.events).toMatchObject([
      { request: { guest: early, reason: 'left', decidedAt: UNTIL } },
      { request: { guest: late, reason: 'expired', decidedAt: UNTIL + 10 } }
    ])
    expect(asOf(stored, 1000, { afterEventMs: 50, emptyMs: 50 })).toBe('ended')
  })
})

describe('a knock that was recorded but could not be answered', () => {
  it('is withdrawn as soon as the store can be reached', async () => {
    const memory = memoryStore({ maxChatBytes: 10_000, maxStoreBytes: 100_000 })
    let isAway = false
    const service = createService({
      store: {
        ...memory,
        commit: async (...call) => {
          if (!isAway) return memory.commit(...call)
          // The reply is lost, not the commit.
          await memory.commit(...call)
          reads = false
          throw new StoreUnavailable('unreachable')
        },
        load: (tag) => (isAway && !reads ? Promise.reject(new StoreUnavailable('unreachable')) : memory.load(tag))
      },
      now: Date.now,
      chatTtlMs: 0
    })
    let reads = true
    const { chat, author } = await service.createChat()
    const { link } = await service.createLink(chat, author)
    isAway = true
    const knocked = service.exchange(link.id, undefined)
    await expect(knocked).rejects.toThrow(StoreUnavailable)
    const stateNow = async () => [...((await memory.load(tagOf(chat)))?.door.requests.values() ?? [])][0]?.state
    expect(await stateNow()).toBe('pending')
    isAway = false
    await eventually(async () => (await stateNow()) === 'closed', 'the request is withdrawn')
  })

  it('is left alone where nothing was recorded', async () => {
    const faults: unknown[] = []
    const memory = memoryStore({ maxChatBytes: 10_000, maxStoreBytes: 100_000 })
    const service = createService({
      store: memory,
      now: Date.now,
      chatTtlMs: 0,
      onFault: (fault) => faults.push(fault)
    })
    const { chat } = await service.createChat()
    await service.withdrawLater(newLinkId(tagOf(chat)), newUserId())
    expect(faults).toEqual([])
  })
})
