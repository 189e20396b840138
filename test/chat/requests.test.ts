/** The indexes of the join requests agree with the requests, whatever was changed; and so do maps that share segments. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEnded, type JoinRequest, type PendingRequest } from '../../src/chat/door.ts'
import { networkDigest, newChatId, newLinkId, newRequestId, tagOf, type UserDigest } from '../../src/chat/ids.ts'
import { Requests } from '../../src/chat/requests.ts'
import { SegmentMap } from '../../src/chat/segment-map.ts'
import { aUser } from '../support/doors.ts'

const CHAT = newChatId()
const TAG = tagOf(CHAT)
const LINKS = [newLinkId(TAG), newLinkId(TAG)] as const
const NETWORKS = [networkDigest(CHAT, '192.0.2.1'), networkDigest(CHAT, '192.0.2.2'), undefined] as const
const GUESTS = Array.from({ length: 12 }, (_, index) => ({
  guest: aUser(),
  id: newRequestId(),
  link: LINKS[index % 2] ?? LINKS[0],
  network: NETWORKS[index % 3]
}))

type State = JoinRequest['state'] | 'left' | 'removed'

function aRequest(index: number, state: Exclude<State, 'removed'>, at: number): JoinRequest {
  const { network, ...identity } = GUESTS[index] ?? (GUESTS[0] as never)
  const common = { ...identity, name: null, requestedAt: index, ...(network !== undefined && { network }) }
  if (state === 'pending') return { ...common, state, decidedAt: null }
  if (state === 'closed') return { ...common, state, reason: 'expired', decidedAt: at }
  if (state === 'left') return { ...common, state: 'closed', reason: 'left', decidedAt: at }
  return { ...common, state, decidedAt: at }
}

const changes = fc.array(
  fc.tuple(
    fc.nat(GUESTS.length - 1),
    fc.constantFrom<State>('pending', 'approved', 'declined', 'closed', 'left', 'removed')
  ),
  { maxLength: 60 }
)

function expectIndexed(requests: Requests, model: ReadonlyMap<UserDigest, JoinRequest>): void {
  const all = [...model.values()]
  expect([...requests.values()]).toEqual(all)
  expect(requests.size).toBe(all.length)
  const isPending = (request: JoinRequest): request is PendingRequest => request.state === 'pending'
  for (const link of LINKS) {
    const here = all.filter((request) => request.link === link)
    const { pending, approved, kept } = requests.at(link)
    expect(new Set(pending)).toEqual(new Set(here.filter(isPending)))
    expect([approved, kept]).toEqual([here.filter(({ state }) => state === 'approved').length, here.length])
  }
  for (const network of NETWORKS) {
    const count = all.filter((request) => isPending(request) && request.network === network).length
    if (network !== undefined) expect(requests.pendingFrom(network)).toBe(count)
  }
  for (const { guest, id } of GUESTS) {
    expect(requests.get(guest)).toEqual(model.get(guest))
    expect(requests.byId(id)).toEqual(model.get(guest))
  }
  const ended = all.filter(isEnded)
  const withLink = ended.filter((request) => request.state === 'closed' && request.reason === 'expired')
  expect(requests.oldestEnded('withLink', 0)).toHaveLength(withLink.length)
  expect(requests.oldestEnded('alone', 0)).toHaveLength(ended.length - withLink.length)
  const withNetwork = ended.filter(({ network }) => network !== undefined).sort((a, b) => a.decidedAt - b.decidedAt)
  expect(requests.endedWithNetwork(Number.POSITIVE_INFINITY)).toEqual(withNetwork)
  const [first] = withNetwork
  if (first !== undefined) {
    expect(requests.endedWithNetwork(first.decidedAt)).toEqual([first])
    expect(requests.endedWithNetwork(first.decidedAt - 1)).toEqual([])
  }
}

describe('requests', () => {
  it('have indexes that agree with them after any changes, and after they were stored', () => {
    fc.assert(
      fc.property(changes, (steps) => {
        let requests = Requests.from([])
        const model = new Map<UserDigest, JoinRequest>()
        for (const [at, [index, state]] of steps.entries()) {
          const guest = GUESTS[index]?.guest
          if (guest === undefined) continue
          if (state === 'removed') {
            requests = requests.without(guest)
            model.delete(guest)
          } else {
            const request = aRequest(index, state, at)
            requests = requests.with(request)
            model.set(guest, request)
          }
        }
        expectIndexed(requests, model)
        expectIndexed(Requests.from(model.values()), model)
      })
    )
  })

  it('give what has changed since others: with it the others become the same, in the same order', () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const apply = (start: Requests, steps: readonly (readonly [number, State])[]) =>
          steps.reduce((so, [index, state], at) => {
            const guest = GUESTS[index]?.guest as UserDigest
            return state === 'removed' ? so.without(guest) : so.with(aRequest(index, state, at))
          }, start)
        const before = apply(Requests.from([]), first)
        const after = apply(before, second)
        const { put, removed } = after.changesSince(before)
        expect([...before.withStored(put, removed)]).toEqual([...after])
        const stored = after.changesSince(Requests.from([])).put
        expect([...Requests.fromOrdered([...stored].reverse())]).toEqual([...after])
      })
    )
  })
})

describe('a map in segments', () => {
  it('is a map in the order of insertion, also over many segments', () => {
    const operations = fc.array(fc.tuple(fc.nat(400), fc.option(fc.nat(), { nil: undefined })), { maxLength: 1500 })
    fc.assert(
      fc.property(operations, (steps) => {
        let map = SegmentMap.from<number, number>([])
        const model = new Map<number, number>()
        for (const [key, value] of steps) {
          map = value === undefined ? map.delete(key) : map.set(key, value)
          if (value === undefined) model.delete(key)
          else model.set(key, value)
        }
        expect([...map]).toEqual([...model])
        expect(map.size).toBe(model.size)
      }),
      { numRuns: 50 }
    )
  })

  it('costs about the same to change with ten thousand entries as with a hundred', () => {
    const many = SegmentMap.from(Array.from({ length: 10_000 }, (_, key) => [key, key] as const))
    const { put, removed } = many.set(5, -1).delete(7).changesSince(many)
    expect([put, removed]).toEqual([[-1], [7]])
    expect(many.get(5)).toBe(5)
  })
})
