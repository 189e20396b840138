/**
 * The join requests of a chat, indexed by what the rules ask about them: a knock, a decision or a check of a link costs the
 * same with one request and with ten thousand. Immutable.
 */
import { type EndedRequest, isEnded, type JoinRequest, type PendingRequest, provisionalUntil } from './door.ts'
import type { LinkId, NetworkDigest, RequestId, UserDigest } from './ids.ts'
import { SegmentMap } from './segment-map.ts'

/** A request with its place among those of its chat; later requests have higher numbers, with gaps. */
export interface OrderedRequest {
  readonly order: number
  readonly request: JoinRequest
}

/** The requests at one link. */
export interface AtLink {
  /** Oldest first. */
  readonly pending: readonly PendingRequest[]
  readonly approved: number
  /** All that are kept, including those that have ended. */
  readonly kept: number
}

const NONE_AT_LINK: AtLink = { pending: [], approved: 0, kept: 0 }

/** How the request of somebody who was never let in ended: with its link, which can end a hundred at once, or by itself. */
type Ended = 'withLink' | 'alone'

interface Index {
  readonly byGuest: SegmentMap<UserDigest, OrderedRequest>
  readonly nextOrder: number
  readonly guestById: SegmentMap<RequestId, UserDigest>
  readonly byLink: SegmentMap<LinkId, AtLink>
  readonly pendingByNetwork: SegmentMap<NetworkDigest, number>
  /** Until when each provisional request can be claimed. */
  readonly provisional: SegmentMap<UserDigest, number>
  /** In the order in which they ended; without those who had been let in, whose requests are never forgotten. */
  readonly ended: Readonly<Record<Ended, SegmentMap<UserDigest, true>>>
  /** Those that have ended and of which the network is kept, in the order in which they ended. */
  readonly endedWithNetwork: SegmentMap<UserDigest, true>
}

export class Requests implements Iterable<readonly [UserDigest, JoinRequest]> {
  readonly #index: Index

  private constructor(index: Index) {
    this.#index = index
  }

  /** From requests in the order in which they were made. */
  static from(requests: Iterable<JoinRequest>): Requests {
    return Requests.fromOrdered(Array.from(requests, (request, order) => ({ order, request })))
  }

  /** From any order. */
  static fromOrdered(ordered: readonly OrderedRequest[]): Requests {
    const entries = [...ordered].sort((one, other) => one.order - other.order)
    const all = entries.map(({ request }) => request)
    const byLink = new Map<LinkId, { pending: PendingRequest[]; approved: number; kept: number }>()
    const pendingByNetwork = new Map<NetworkDigest, number>()
    for (const request of all) {
      const at = byLink.get(request.link) ?? { pending: [], approved: 0, kept: 0 }
      byLink.set(request.link, at)
      at.kept++
      if (request.state === 'approved') at.approved++
      if (request.state !== 'pending') continue
      at.pending.push(request)
      if (request.network !== undefined) {
        pendingByNetwork.set(request.network, (pendingByNetwork.get(request.network) ?? 0) + 1)
      }
    }
    const ended = all.filter(isEnded).sort((one, other) => one.decidedAt - other.decidedAt)
    const guests = (are: (request: EndedRequest) => boolean) =>
      SegmentMap.from(ended.filter(are).map(({ guest }) => [guest, true] as const))
    return new Requests({
      byGuest: SegmentMap.from(entries.map((entry) => [entry.request.guest, entry])),
      nextOrder: (entries.at(-1)?.order ?? -1) + 1,
      guestById: SegmentMap.from(all.map(({ id, guest }) => [id, guest])),
      byLink: SegmentMap.from(byLink),
      pendingByNetwork: SegmentMap.from(pendingByNetwork),
      provisional: SegmentMap.from(
        all.flatMap((request) => {
          const until = provisionalUntil(request)
          return until === undefined ? [] : [[request.guest, until] as const]
        })
      ),
      ended: {
        withLink: guests((request) => endedHow(request) === 'withLink'),
        alone: guests((request) => endedHow(request) === 'alone')
      },
      endedWithNetwork: guests(({ network }) => network !== undefined)
    })
  }

  get size(): number {
    return this.#index.byGuest.size
  }

  get(guest: UserDigest): JoinRequest | undefined {
    return this.#index.byGuest.get(guest)?.request
  }

  byId(id: RequestId): JoinRequest | undefined {
    const guest = this.#index.guestById.get(id)
    return guest && this.get(guest)
  }

  at(link: LinkId): AtLink {
    return this.#index.byLink.get(link) ?? NONE_AT_LINK
  }

  /** The number of pending requests from one network, at all links. */
  pendingFrom(network: NetworkDigest): number {
    return this.#index.pendingByNetwork.get(network) ?? 0
  }

  /** When the first provisional request lapses; null for never. */
  get nextLapse(): number | null {
    const { provisional } = this.#index
    return provisional.size === 0 ? null : Math.min(...provisional.values())
  }

  /** The provisional requests. There are few: their guests wait at this moment. */
  provisional(): JoinRequest[] {
    return [...this.#index.provisional.keys()].flatMap((guest) => this.get(guest) ?? [])
  }

  /** Oldest first. */
  *values(): Generator<JoinRequest, void, undefined> {
    for (const { request } of this.#index.byGuest.values()) yield request
  }

  *[Symbol.iterator](): Generator<readonly [UserDigest, JoinRequest], void, undefined> {
    for (const [guest, { request }] of this.#index.byGuest) yield [guest, request]
  }

  /** Of the requests that ended this way, all but the latest `kept`. */
  oldestEnded(how: Ended, kept: number): UserDigest[] {
    const guests = this.#index.ended[how]
    const excess: UserDigest[] = []
    for (const guest of guests.keys()) {
      if (excess.length >= guests.size - kept) break
      excess.push(guest)
    }
    return excess
  }

  /** Those of which the network is kept and that ended by this instant. */
  endedWithNetwork(by: number): EndedRequest[] {
    const found: EndedRequest[] = []
    for (const guest of this.#index.endedWithNetwork.keys()) {
      const request = this.get(guest)
      if (request === undefined || !isEnded(request) || request.decidedAt > by) break
      found.push(request)
    }
    return found
  }

  /** With this request, which takes the place of the one that this guest had. */
  with(request: JoinRequest): Requests {
    const { byGuest, guestById, nextOrder } = this.#index
    const before = byGuest.get(request.guest)
    const order = before?.order ?? nextOrder
    return new Requests({
      ...this.#indexesAfter(before?.request, request),
      byGuest: byGuest.set(request.guest, { order, request }),
      nextOrder: Math.max(nextOrder, order + 1),
      guestById: before === undefined ? guestById.set(request.id, request.guest) : guestById
    })
  }

  /** With requests as a store has kept them, and without those of these guests. */
  withStored(put: readonly OrderedRequest[], removed: readonly UserDigest[]): Requests {
    const kept = removed.reduce<Requests>((so, guest) => so.without(guest), this)
    const inOrder = [...put].sort((one, other) => one.order - other.order)
    return inOrder.reduce<Requests>((so, { order, request }) => so.#at(order, request.guest).with(request), kept)
  }

  /** Ready for this guest's request to get this place. */
  #at(order: number, guest: UserDigest): Requests {
    const before = this.#index.byGuest.get(guest)
    if (before?.order === order) return this
    const { nextOrder } = this.#index
    return new Requests({ ...this.without(guest).#index, nextOrder: Math.max(nextOrder, order) })
  }

  without(guest: UserDigest): Requests {
    const before = this.get(guest)
    if (before === undefined) return this
    const { byGuest, guestById, nextOrder } = this.#index
    return new Requests({
      ...this.#indexesAfter(before, undefined),
      nextOrder,
      byGuest: byGuest.delete(guest),
      guestById: guestById.delete(before.id)
    })
  }

  /** What to put into `before`, and which guests to remove from it, to get these. */
  changesSince(before: Requests) {
    return this.#index.byGuest.changesSince(before.#index.byGuest)
  }

  #endedAfter(before: JoinRequest | undefined, next: JoinRequest | undefined): Index['ended'] {
    let { ended } = this.#index
    const howBefore = before && endedHow(before)
    const howNext = next && endedHow(next)
    // It ended before, and keeps its place.
    if (howBefore === howNext && before?.decidedAt === next?.decidedAt) return ended
    if (before && howBefore) ended = { ...ended, [howBefore]: ended[howBefore].delete(before.guest) }
    if (next && howNext) ended = { ...ended, [howNext]: ended[howNext].set(next.guest, true) }
    return ended
  }

  #indexesAfter(
    before: JoinRequest | undefined,
    next: JoinRequest | undefined
  ): Pick<Index, 'byLink' | 'pendingByNetwork' | 'provisional' | 'ended' | 'endedWithNetwork'> {
    let { byLink, pendingByNetwork, provisional, endedWithNetwork } = this.#index
    if (before !== undefined) byLink = replaced(byLink, before.link, atLinkAfter(this.at(before.link), before, -1))
    if (next !== undefined) byLink = byLink.set(next.link, atLinkAfter(byLink.get(next.link) ?? NONE_AT_LINK, next, 1))
    for (const [request, step] of [[before, -1] as const, [next, 1] as const]) {
      if (request?.state === 'pending' && request.network !== undefined) {
        pendingByNetwork = counted(pendingByNetwork, request.network, step)
      }
    }
    const until = next && provisionalUntil(next)
    if (next !== undefined && until !== undefined) provisional = provisional.set(next.guest, until)
    else if (before !== undefined) provisional = provisional.delete(before.guest)
    if (before !== undefined) endedWithNetwork = endedWithNetwork.delete(before.guest)
    if (next?.network !== undefined && isEnded(next)) endedWithNetwork = endedWithNetwork.set(next.guest, true)
    return { byLink, pendingByNetwork, provisional, ended: this.#endedAfter(before, next), endedWithNetwork }
  }
}

function endedHow(request: JoinRequest): Ended | undefined {
  if (!isEnded(request) || request.admittedAt !== undefined) return undefined
  return request.state === 'closed' && request.reason !== 'left' ? 'withLink' : 'alone'
}

function atLinkAfter({ pending, approved, kept }: AtLink, request: JoinRequest, step: 1 | -1): AtLink {
  return {
    pending:
      request.state !== 'pending'
        ? pending
        : step === 1
          ? [...pending, request]
          : pending.filter(({ guest }) => guest !== request.guest),
    approved: request.state === 'approved' ? approved + step : approved,
    kept: kept + step
  }
}

function replaced(map: SegmentMap<LinkId, AtLink>, link: LinkId, at: AtLink): SegmentMap<LinkId, AtLink> {
  return at.kept > 0 ? map.set(link, at) : map.delete(link)
}

function counted(
  map: SegmentMap<NetworkDigest, number>,
  network: NetworkDigest,
  step: 1 | -1
): SegmentMap<NetworkDigest, number> {
  const count = (map.get(network) ?? 0) + step
  return count > 0 ? map.set(network, count) : map.delete(network)
}
