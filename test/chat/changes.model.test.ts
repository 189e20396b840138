/** Random changes of a door at random times, and what must hold after each. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  addLink,
  approve,
  type Change,
  changeProfile,
  decideOnAll,
  decline,
  expireLinks,
  knock,
  leave,
  newDoor,
  revokeLink
} from '../../src/chat/changes.ts'
import { BLOCK_MS, type Door, type JoinRequest, type Refusal, requestIdIsTaken } from '../../src/chat/door.ts'
import type { JoinEvent } from '../../src/chat/events.ts'
import { networkDigest, newChatId, newLinkId, newRequestId, tagOf } from '../../src/chat/ids.ts'
import { toldProfile } from '../../src/chat/profile.ts'
import { aUser, joinsOf } from '../support/doors.ts'

type Step = (door: Door, now: number) => Change<unknown> | Refusal | undefined

/** Few of each, so that steps affect each other. */
const chat = newChatId()
const [owner, ...guests] = [aUser(), ...Array.from({ length: 12 }, aUser)] as const
const requestIds = Array.from({ length: 12 }, newRequestId)
const links = Array.from({ length: 5 }, () => newLinkId(tagOf(chat)))
const networks = ['192.0.2.1', '192.0.2.2'].map((network) => networkDigest(chat, network))
const anyLink = fc.constantFrom(...links)
const anyGuest = fc.constantFrom(...guests)
const anybody = fc.constantFrom(owner, owner, owner, ...guests)

const add = fc
  .record({
    id: anyLink,
    maker: anybody,
    expiresIn: fc.option(fc.integer({ min: 1, max: 6 })),
    maxGuests: fc.option(fc.integer({ min: 1, max: 3 }))
  })
  .map(({ id, maker, expiresIn, maxGuests }): Step => {
    return (door, now) => {
      if (door.links.some((link) => link.id === id)) return undefined
      const decision = addLink(door, id, maker, now, {
        expiresAt: expiresIn === null ? null : now + expiresIn,
        maxGuests
      })
      const isMember = maker === owner || door.requests.get(maker)?.state === 'approved'
      expect('refused' in decision).toBe(door.profile.invites === 'members' && !isMember)
      return decision
    }
  })

const ask = fc
  .record({
    id: fc.constantFrom(...requestIds),
    link: anyLink,
    guest: anyGuest,
    name: fc.constant(null),
    more: fc.record({ note: fc.constant('from the club'), network: fc.constantFrom(...networks) }, { requiredKeys: [] })
  })
  .map(({ more, ...asked }): Step => {
    return (door, now) => {
      if (requestIdIsTaken(door, asked.id) || door.requests.get(asked.guest) !== undefined) return undefined
      const decision = knock(door, { ...asked, ...more, requestedAt: now })
      const link = door.links.find(({ id }) => id === asked.link)
      const isBlocked = link?.ended === null && link.blocks?.some(({ network }) => network === more.network) === true
      expect('refused' in decision && decision.refused === 'blocked').toBe(isBlocked)
      return decision
    }
  })

const NOTE = 'not today'
const declineWithNote: typeof decline = (door, request, by, now) => decline(door, request, by, now, { note: NOTE })

/** Also of a request that is declined already. */
const block: typeof decline = (door, ref, by, now) => {
  const decision = decline(door, ref, by, now, { block: true })
  if ('refused' in decision) return decision
  const { network, link, id } = decision.result
  const blocks = decision.door.links.find((one) => one.id === link)?.blocks
  expect(blocks).toContainEqual({ network, request: id, until: now + BLOCK_MS })
  return decision
}

/** Mostly about an existing request, at its own link. */
const decide = fc
  .record({
    verdict: fc.constantFrom(approve, approve, decline, declineWithNote, block),
    guest: anyGuest,
    link: anyLink,
    how: fc.constantFrom('named', 'named', 'named', 'unnamed', 'elsewhere'),
    by: anybody
  })
  .map(({ verdict, guest, link, how, by }): Step => {
    return (door, now) => {
      const request = door.requests.get(guest)
      if (how === 'named') return request && verdict(door, request, by, now)
      return verdict(door, { link, id: how === 'unnamed' ? undefined : request?.id }, by, now)
    }
  })

const go = fc.record({ guest: anyGuest, link: fc.option(anyLink, { freq: 5 }) }).map(({ guest, link }): Step => {
  return (door, now) => {
    const meant = link ?? door.requests.get(guest)?.link
    return meant && leave(door, meant, guest, now)
  }
})

const revoke = fc.record({ link: anyLink, by: anybody }).map(({ link, by }): Step => {
  return (door, now) => revokeLink(door, link, by, now)
})

const text = fc.option(fc.constantFrom('one', 'two', null), { nil: undefined })
const describe = fc
  .record({
    by: anybody,
    title: text,
    ownerName: text,
    invites: fc.constantFrom(undefined, undefined, 'anyone' as const, 'members' as const)
  })
  .map(({ by, ...wanted }): Step => {
    return (door) => changeProfile(door, by, wanted)
  })

const decideAll = fc
  .record({ link: anyLink, by: anybody, verdict: fc.constantFrom('approve' as const, 'decline' as const) })
  .map(({ link, ...how }): Step => {
    return (door, now) => {
      const decision = decideOnAll(door, link, how, now)
      if ('refused' in decision) return decision
      const { decided, left } = decision.result
      const waiting = door.requests.at(link).pending.map(({ id }) => id)
      expect([...decided, ...left]).toEqual(waiting)
      const state = how.verdict === 'approve' ? 'approved' : 'declined'
      for (const id of decided) expect(decision.door.requests.byId(id)?.state).toBe(state)
      const seats = door.links.find(({ id }) => id === link)?.maxGuests ?? Number.POSITIVE_INFINITY
      if (left.length > 0) expect(decision.door.requests.at(link).approved).toBe(seats)
      return decision
    }
  })

const expire = fc.constant<Step>(expireLinks)

const steps = fc.array(
  fc.record({
    passed: fc.nat(2),
    step: fc.oneof(
      { weight: 2, arbitrary: add },
      { weight: 6, arbitrary: ask },
      { weight: 6, arbitrary: decide },
      { weight: 2, arbitrary: go },
      { weight: 1, arbitrary: revoke },
      { weight: 1, arbitrary: describe },
      { weight: 1, arbitrary: decideAll },
      { weight: 2, arbitrary: expire }
    )
  }),
  { size: 'max', minLength: 10, maxLength: 60 }
)

const TYPE_OF = {
  pending: 'join_request',
  approved: 'join_approved',
  declined: 'join_declined',
  closed: 'join_closed'
} as const

/** The states that can follow each state. */
const NEXT: Record<JoinRequest['state'] | 'none', readonly JoinRequest['state'][]> = {
  none: ['pending'],
  pending: ['approved', 'declined', 'closed'],
  approved: ['declined', 'closed'],
  declined: ['approved'],
  closed: []
}

function checkDoor(door: Door): void {
  const requests = [...door.requests.values()]
  const count = (link: string, state: JoinRequest['state']) =>
    requests.filter((request) => request.link === link && request.state === state).length
  for (const { id, maxGuests, ended } of door.links) {
    const inside = count(id, 'approved')
    expect(inside).toBeLessThanOrEqual(maxGuests ?? inside)
    if (ended === null) expect(inside).not.toBe(maxGuests)
    else expect(count(id, 'pending')).toBe(0)
  }
  const instants = door.links.flatMap(({ ended, expiresAt }) => (ended || expiresAt === null ? [] : [expiresAt]))
  expect(door.nextExpiry).toBe(instants.sort((one, other) => one - other)[0] ?? null)
  expect(new Set(requests.map(({ id }) => id)).size).toBe(requests.length)
}

/** What an event says of a request, and what the door keeps of it. */
function checkRequest(before: Door, door: Door, { type, request }: JoinEvent): void {
  const earlier = before.requests.get(request.guest)
  const { network: _, ...known } = door.requests.get(request.guest) ?? request
  expect(request).toEqual(known)
  expect(type).toBe(TYPE_OF[request.state])
  expect(NEXT[earlier?.state ?? 'none']).toContain(request.state)
  const { id, link, guest, name, requestedAt, note, network } = earlier ?? request
  expect(request).toMatchObject({ id, link, guest, name, requestedAt })
  expect(request.note).toBe(note)
  if (earlier !== undefined) expect(door.requests.get(request.guest)?.network).toBe(network)
  if ('ownerNote' in request) expect([request.state, request.ownerNote]).toEqual(['declined', NOTE])
  const admittedAt = earlier?.state === 'approved' ? earlier.decidedAt : undefined
  expect('admittedAt' in request ? request.admittedAt : undefined).toBe(admittedAt)
}

function checkChange(before: Door, { door, events: all }: Change<unknown>): void {
  const events = joinsOf(all)
  const states = new Map([...before.requests].map(([guest, { state }]) => [guest, state]))
  const touched = [...door.requests.values()].filter((request) => request !== before.requests.get(request.guest))
  expect(events.map(({ request: { guest } }) => guest).sort()).toEqual(touched.map(({ guest }) => guest).sort())
  for (const event of events) checkRequest(before, door, event)
  const told = toldProfile(door.profile)
  const isTold = isDeepStrictEqual(told, toldProfile(before.profile))
  expect(all.filter(({ type }) => type === 'chat')).toEqual(isTold ? [] : [{ type: 'chat', profile: told }])
  const instants = events.map(({ request: { decidedAt } }) => decidedAt ?? 0)
  expect(instants).toEqual([...instants].sort((one, other) => one - other))
  const lost = touched.filter(({ guest, state }) => states.get(guest) === 'approved' && state !== 'approved')
  expect(door.rights).toBe(before.rights + lost.length)
  expect(lost.length).toBeLessThanOrEqual(1)
  const isRemoval = lost.some(({ state }) => state === 'declined')
  if (isRemoval) expect(door.profile.invites).toBe(before.profile.invites ?? 'members')
  for (const [index, link] of before.links.entries()) {
    const after = door.links[index]
    expect(after).toEqual({
      ...link,
      ended: link.ended ?? after?.ended,
      ...(after?.blocks && { blocks: after.blocks })
    })
  }
}

const plain = (door: Door) => ({ ...door, requests: [...door.requests] })

/** Plays a sequence on a new door, and calls back with each change and the door before it. */
function play(
  sequence: readonly { readonly passed: number; readonly step: Step }[],
  visit: (before: Door, change: Change<unknown>, now: number) => void = () => {}
): { door: Door; now: number } {
  let now = 0
  let door = newDoor(chat, owner, now)
  for (const { passed, step } of sequence) {
    now += passed
    const before = door
    const copy = structuredClone(plain(before))
    const decision = step(before, now)
    if (!isDeepStrictEqual(plain(before), copy)) throw new Error('a door was changed in place')
    if (decision === undefined || 'refused' in decision) continue
    visit(before, decision, now)
    door = decision.door
  }
  return { door, now }
}

it('a door is consistent after every change, and is never changed in place', () => {
  const check = fc.property(steps, (sequence) => {
    play(sequence, (before, change) => {
      checkChange(before, change)
      checkDoor(change.door)
    })
  })
  fc.assert(check, { numRuns: 150 })
})

it('expireLinks ends exactly the links that are due, each at its own instant', () => {
  const check = fc.property(steps, fc.nat(4), (sequence, later) => {
    const { door, now } = play(sequence)
    const at = now + later
    const expired = expireLinks(door, at)
    const ended = door.links.map(({ ended, expiresAt }) => {
      const isDue = ended === null && expiresAt !== null && expiresAt <= at
      return isDue ? { why: 'expired', at: expiresAt } : ended
    })
    expect(expired.door.links.map((link) => link.ended)).toEqual(ended)
    expect(expireLinks(expired.door, at).door).toBe(expired.door)
  })
  fc.assert(check)
})

/** Repeats what caused an event: the change, and the result that it must have. */
const AGAIN = {
  join_request: undefined,
  join_approved: (door: Door, request: JoinRequest, now: number) => [
    approve(door, request, owner, now),
    door.requests.get(request.guest)
  ],
  join_declined: (door: Door, request: JoinRequest, now: number) => [
    decline(door, request, owner, now),
    door.requests.get(request.guest)
  ],
  join_closed: (door: Door, { link, guest }: JoinRequest, now: number) => [leave(door, link, guest, now), undefined]
} as const

it('repeated decisions change nothing and give the first answer, and so does leaving', () => {
  const check = fc.property(steps, (sequence) => {
    play(sequence, (_, { door, events }, now) => {
      for (const { type, request } of joinsOf(events)) {
        const [change, result] = AGAIN[type]?.(door, request, now + 1) ?? []
        if (change !== undefined) expect(change).toEqual({ door, events: [], result })
      }
    })
  })
  fc.assert(check, { numRuns: 50 })
})
