/**
 * The use cases, one function each: load the chat and apply the rules; what changes something is decided in turn
 * (`decisions.ts`). Independent of HTTP and of how anything is stored. Refusals are thrown as `Refused`.
 *
 * A loaded chat has everything applied that is due, whether or not it is stored. So no use case ever sees an expired link as
 * open, or an expired chat, and reading never writes.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { asOf, endOf, type Lifetime } from './as-of.ts'
import * as changes from './changes.ts'
import { type Decide, Decisions } from './decisions.ts'
import * as rules from './door.ts'
import { type LoggedMessage, textOf } from './events.ts'
import { createHandovers } from './handovers.ts'
import { type History, readHistory, type WhichMessages } from './history.ts'
import {
  type ChatId,
  type ChatTag,
  digestOf,
  type LinkId,
  networkDigest,
  newChatId,
  newLinkId,
  newRequestId,
  newUserId,
  type PostKey,
  postKey,
  type RequestId,
  tagOf,
  type UserDigest,
  type UserId
} from './ids.ts'
import { type Member, membersFor } from './members.ts'
import { changedProfile, NO_PROFILE, type Profile, type ProfileChange } from './profile.ts'
import { isRefusal, orRefuse, Refused } from './refusals.ts'
import { DoorStats } from './stats.ts'
import { type LoadedChat, type Look, type Store, StoreUnavailable } from './store.ts'
import { UnstoredWithdrawals } from './unstored.ts'

export interface ServiceDependencies {
  readonly store: Store
  /**
   * Milliseconds since the Unix epoch, by the clock of this process: `Date.now`, or another one in tests. A store with a clock
   * of its own corrects it.
   */
  readonly now: () => number
  /** A chat without a new event for this long is removed; 0 for never. */
  readonly chatTtlMs: number
  readonly stats?: DoorStats
  /** Work that nobody waits for has failed. */
  readonly onFault?: (error: unknown) => void
}

const DAY_MS = 86_400_000
/** Retries while the store cannot be reached: for about ten minutes. */
const WITHDRAW_ATTEMPTS = 600
const WITHDRAW_RETRY_MS = 1000
/** Chats that the sweep handles before other work gets its turn. */
const SWEPT_PER_TURN = 100
/** When a chat that cannot be removed yet is looked at again. */
const RECHECK_MS = 60_000

/** After how long a chat that never had an event is removed: after `chatTtlMs`, but after a day at the latest. */
export function emptyTtlOf(chatTtlMs: number): number {
  return Math.min(chatTtlMs, DAY_MS)
}

/** The result of opening a link: the guest's request. `inside`: the owner, or a member who joined through another link. */
export type Exchange = GuestExchange | (Doorstep & { readonly is: 'inside' })

/** What somebody learns who stands at the door. */
export interface Doorstep {
  readonly chat: ChatId
  readonly link: LinkId
  readonly title: string | null
}

export interface GuestExchange extends Doorstep {
  readonly is: 'guest'
  readonly client: UserId
  readonly request: rules.JoinRequest
}

/** Somebody who opens a link without a user id. */
export interface Newcomer {
  readonly name: string | null
  /** What to tell the owner. */
  readonly note?: string | undefined
  readonly network?: ClientNetwork | undefined
  /** Whether a network can have only so many pending requests. */
  readonly limitsNetwork?: boolean
  /** The client id is sent only when the owner decides, so the join request is provisional until then. */
  readonly waits?: boolean
}

/** Where a client asks from. */
export interface ClientNetwork {
  readonly name: string
  /** False if it may be the network of a proxy, and so of other clients, too. */
  readonly isSure: boolean
}

/** How long a provisional join request outlives the process that has made it. */
const LEASE_MS = 90_000

export interface NewLink {
  readonly expiresInSeconds?: number | undefined
  readonly maxGuests?: number | undefined
}

/** Messages of a chat, with what its members may know of it. */
export interface ChatReading extends History {
  readonly you: rules.Sender
  readonly profile: Profile
}

export type Service = ReturnType<typeof createService>

export function createService({
  store: stored,
  now: ownNow,
  chatTtlMs,
  stats = new DoorStats(),
  onFault = () => undefined
}: ServiceDependencies) {
  const clockSkewMs = stored.clockSkewMs?.bind(stored) ?? (() => 0)
  const now = (): number => ownNow() + clockSkewMs()
  // The store's clock knows nothing of the clock of a test.
  const toStoreTime = (instant: number): number => instant - (ownNow() - Date.now())
  const emptyTtlMs = emptyTtlOf(chatTtlMs)
  const lifetime: Lifetime =
    chatTtlMs === 0
      ? { afterEventMs: Number.POSITIVE_INFINITY, emptyMs: Number.POSITIVE_INFINITY }
      : { afterEventMs: chatTtlMs, emptyMs: emptyTtlMs }
  const decisions = new Decisions({ store: stored, now, toStoreTime, lifetime, stats })
  const unstored = new UnstoredWithdrawals(stored, now, onFault)
  let isClosed = false
  const store = unstored.view()

  async function createChat(profile: ProfileChange = {}): Promise<{ chat: ChatId; author: UserId }> {
    const author = newUserId()
    for (;;) {
      const chat = newChatId()
      const outcome = await store.create(
        changes.newDoor(chat, digestOf(author), now(), changedProfile(NO_PROFILE, profile))
      )
      if (outcome === 'created') {
        stats.chatsCreated++
        return { chat, author }
      }
      if (outcome === 'store-full') throw new Refused({ refused: 'store-full' })
    }
  }

  /** If this user has already used the idempotency key in this chat, nothing is posted and the first message is returned. */
  async function postMessage(
    chat: ChatId,
    user: UserId,
    text: string,
    idempotencyKey?: string
  ): Promise<LoggedMessage> {
    const digest = digestOf(user)
    const key = idempotencyKey === undefined ? undefined : postKey(digest, idempotencyKey)
    const message = await append(chat, user, digest, text, key)
    if (key !== undefined && textOf(message) !== text) throw new Refused({ refused: 'idempotency-key-reused' })
    stats.messages++
    return message
  }

  async function append(
    chat: ChatId,
    id: UserId,
    user: UserDigest,
    text: string,
    key: PostKey | undefined
  ): Promise<LoggedMessage> {
    // Saves a load: a stale permission is caught by `append`, which compares `rights`. A stale refusal would not be, so
    // a cached chat never refuses.
    let cached = cachedChat(chat)
    if (cached !== undefined && isRefusal(rules.requireMember(cached.door, user))) cached = undefined
    for (;;) {
      const { door } = cached ?? (await loadChat(chat))
      cached = undefined
      const from: rules.Sender = orRefuse(rules.requireMember(door, user))
      claimIfProvisional(door, id)
      const outcome = await store.append(tagOf(door.chat), door.rights, { from, text, createdAt: now() }, key)
      if (typeof outcome === 'object') return outcome
      if (outcome === 'gone') throw new Refused({ refused: 'chat-not-found' })
      if (outcome !== 'conflict') throw new Refused({ refused: outcome })
    }
  }

  async function readMessages(chat: ChatId, user: UserId, which: WhichMessages, look?: Look): Promise<ChatReading> {
    const { door, lastEventId } = await loadChat(chat, look)
    const you: rules.Sender = orRefuse(rules.requireMember(door, digestOf(user)))
    claimIfProvisional(door, user)
    // Events after `lastEventId` may include the user's removal.
    return { ...(await readHistory(store, door.chat, which, lastEventId)), you, profile: door.profile }
  }

  /** For members: who is in the chat; with `all` also who was. */
  async function members(
    chat: ChatId,
    user: UserId,
    all: boolean
  ): Promise<{ members: readonly Member[]; lastEventId: number }> {
    const { door, lastEventId } = await loadChat(chat)
    const members: readonly Member[] = orRefuse(membersFor(door, digestOf(user), all))
    claimIfProvisional(door, user)
    return { members, lastEventId }
  }

  /** For the owner. */
  async function changeProfile(chat: ChatId, user: UserId, wanted: ProfileChange): Promise<Profile> {
    return await change(chat, 'chat-not-found', (door) =>
      door.chat === chat ? changes.changeProfile(door, digestOf(user), wanted) : { refused: 'chat-not-found' }
    )
  }

  /** Checks that the user can follow the chat's live stream. Returns the tag to follow, and who the user is. */
  async function authorizeStream(chat: ChatId, user: UserId): Promise<{ tag: ChatTag; you: rules.Sender }> {
    const { door } = await loadChat(chat)
    const you: rules.Sender = orRefuse(rules.requireMember(door, digestOf(user)))
    claimIfProvisional(door, user)
    return { tag: tagOf(door.chat), you }
  }

  /** Removes the chat with everything in it. */
  async function closeChat(chat: ChatId, user: UserId): Promise<void> {
    const { door } = await loadChat(chat)
    orRefuse(rules.requireOwner(door, digestOf(user)))
    const tag = tagOf(chat)
    const remove = async () => {
      if (await store.remove(tag)) stats.ended(door)
    }
    await remove().catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error
      unstored.add({ tag, key: 'close', decide: undefined, store: remove })
      throw new Refused({ refused: 'not-stored' })
    })
  }

  async function joinRequests(
    chat: ChatId,
    user: UserId,
    which: rules.WhichRequests = {}
  ): Promise<rules.ListedRequests & { lastEventId: number }> {
    const { door, lastEventId } = await loadChat(chat)
    const listed: rules.ListedRequests = orRefuse(rules.joinRequestsFor(door, digestOf(user), which))
    return { ...listed, lastEventId }
  }

  async function links(chat: ChatId, user: UserId): Promise<readonly rules.CountedLink[]> {
    const { door } = await loadChat(chat)
    return orRefuse(rules.linksFor(door, digestOf(user)))
  }

  async function createLink(
    chat: ChatId,
    maker: UserId | undefined,
    { expiresInSeconds, maxGuests }: NewLink = {}
  ): Promise<{ chat: ChatId; link: rules.Link }> {
    const digest = maker && digestOf(maker)
    return change(chat, 'chat-not-found', (door, at) => {
      if (door.chat !== chat) return { refused: 'chat-not-found' }
      const expiresAt = expiresInSeconds === undefined ? null : at + expiresInSeconds * 1000
      const id = newLinkId(tagOf(door.chat))
      const decision = changes.addLink(door, id, digest, at, { expiresAt, maxGuests: maxGuests ?? null })
      return 'refused' in decision ? decision : { ...decision, result: { chat: door.chat, link: decision.result } }
    })
  }

  async function revokeLink(link: LinkId, user: UserId): Promise<void> {
    const revoke: Decide<undefined> = (door, at) => changes.revokeLink(door, link, digestOf(user), at)
    await withdraw(link, revoke, () => [`revoke ${link}`, revoke])
  }

  /** Opens a link. Without a user id this creates a join request; with one it returns the state of that user. */
  async function exchange(
    link: LinkId,
    user: UserId | undefined,
    { name, note, network, limitsNetwork = true, waits = false }: Newcomer = { name: null }
  ): Promise<Exchange> {
    if (user !== undefined) {
      const { door } = await loadChatByLink(link)
      const standing: rules.Standing = orRefuse(rules.standingAt(door, link, digestOf(user)))
      if (standing.is === 'inside') return { ...doorstepOf(door, link), is: 'inside' }
      const request = assertNotEnded(standing.request, user)
      claimIfProvisional(door, user)
      return { ...doorstepOf(door, link), is: 'guest', client: user, request }
    }
    const client = newUserId()
    const identity = { link, guest: digestOf(client), name, ...(note !== undefined && { note }) }
    const knocked = change(link, 'link-not-found', (door, at) => {
      const provisionalUntil = waits ? at + LEASE_MS : undefined
      const asked = { ...identity, id: freeRequestId(door), requestedAt: at, ...networkIn(door, network) }
      const knock = changes.knock(door, asked, { limitsNetwork, provisionalUntil })
      if ('refused' in knock) return knock
      return { ...knock, result: { ...doorstepOf(door, link), is: 'guest' as const, client, request: knock.result } }
    })
    return await knocked.catch((error: unknown) => {
      // The store may have recorded the request all the same, and its guest will never learn the client id.
      if (error instanceof StoreUnavailable) void withdrawLater(link, client)
      throw error
    })
  }

  /** Withdraws the request of a guest who will never learn their client id, as soon as the store can be reached. */
  async function withdrawLater(link: LinkId, client: UserId): Promise<void> {
    try {
      await retryWhileUnavailable(
        () => leave(link, client),
        () => isClosed
      )
    } catch (error) {
      // Refused: the store has not recorded the request, or the chat was removed.
      if (!(error instanceof Refused)) onFault(error)
    }
  }

  /** Reading never waits for this write, nor fails with it: the next use of the client id tries it again. */
  function claimIfProvisional(door: rules.Door, user: UserId): void {
    const guest = digestOf(user)
    const request = door.requests.get(guest)
    if (request === undefined || rules.provisionalUntil(request) === undefined) return
    claim(door.chat, user).catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) onFault(error)
    })
  }

  /** The guest of a provisional request has the client id. */
  async function claim(id: ChatId | LinkId, client: UserId): Promise<void> {
    await decisions.decide(tagOf(id), (door, at) => changes.claim(door, digestOf(client), at))
  }

  /** The guest of a provisional request still waits for the client id. */
  async function extendKnock(link: LinkId, client: UserId): Promise<void> {
    await decisions.decide(tagOf(link), (door, at) => changes.extend(door, digestOf(client), at + LEASE_MS))
  }

  /** Withdraws a guest's request, or removes the guest from the chat. If the request has ended, this changes nothing. */
  async function leave(link: LinkId, client: UserId): Promise<void> {
    const guest = digestOf(client)
    const leaving: Decide<undefined> = (door, at) => changes.leave(door, link, guest, at)
    await withdraw(link, leaving, () => [`leave ${guest}`, leaving])
  }

  /** Checks that a newcomer from this network can ask to join through the link. Creates no join request. */
  async function checkLink(link: LinkId, network?: ClientNetwork): Promise<void> {
    const { door } = await loadChatByLink(link)
    orRefuse(rules.linkFor(door, link, networkIn(door, network).network, now()))
  }

  /** The chat's title, for whoever has a link that is open. */
  async function titleBehind(link: LinkId): Promise<string | null> {
    const { door } = await loadChatByLink(link)
    return isRefusal(rules.openLink(door, link)) ? null : door.profile.title
  }

  /** Where a guest stands, whether or not the request has ended. `isTheGuest`: and not the process that waits for them. */
  async function ownRequest(
    link: LinkId,
    client: UserId,
    { isTheGuest = true, look }: { isTheGuest?: boolean; look?: Look } = {}
  ): Promise<GuestExchange> {
    const { door } = await loadChatByLink(link, look)
    const request: rules.JoinRequest = orRefuse(rules.requestOf(door, link, digestOf(client)))
    if (isTheGuest) claimIfProvisional(door, client)
    return { ...doorstepOf(door, link), is: 'guest', client, request }
  }

  async function approvalStatus(
    link: LinkId,
    user: UserId | undefined,
    request: RequestId | undefined
  ): Promise<boolean> {
    const { door } = await loadChatByLink(link)
    return orRefuse(rules.approvalAt(door, link, user && digestOf(user), request))
  }

  /** For the owner. */
  async function decide(
    link: LinkId,
    user: UserId,
    request: RequestId | undefined,
    verdict: 'approve' | 'decline',
    options: changes.DeclineOptions = {}
  ): Promise<rules.ApprovedRequest | rules.EndedRequest> {
    const digest = digestOf(user)
    if (verdict === 'approve') {
      return await change(link, 'link-not-found', (door, at) =>
        changes.approve(door, { link, id: request }, digest, at)
      )
    }
    const decline =
      (id: RequestId | undefined): Decide<rules.EndedRequest> =>
      (door, at) =>
        changes.decline(door, { link, id }, digest, at, options)
    const name = options.block === true ? 'decline and block' : 'decline'
    // Later, without an id, it could be about somebody else.
    return await withdraw(link, decline(request), ({ id }) => [`${name} ${id}`, decline(id)])
  }

  /** For the owner: decides on everybody who waits at a link, at once. */
  async function decideOnAll(
    link: LinkId,
    user: UserId,
    verdict: 'approve' | 'decline',
    note?: string
  ): Promise<changes.DecidedAll> {
    const by = digestOf(user)
    const decideOn =
      (among?: readonly RequestId[]): Decide<changes.DecidedAll> =>
      (door, at) =>
        changes.decideOnAll(door, link, { by, verdict, note, among }, at)
    if (verdict === 'approve') return await change(link, 'link-not-found', decideOn())
    // Later, it could be about others.
    return await withdraw(link, decideOn(), ({ decided }) => [`decline ${decided.join(' ')}`, decideOn(decided)])
  }

  /** Stores what is due in a chat. Resolves to the milliseconds until something else is, or to undefined for never. */
  async function applyDueExpiries(tag: ChatTag): Promise<number | undefined> {
    const next = await decisions.decide<number>(
      tag,
      (door, _at, chat) => {
        const end = endOf(chat, false, lifetime)
        return { door, events: [], result: Math.min(door.nextExpiry ?? end, end) }
      },
      true
    )
    // It only looks as if it had ended, perhaps because the clock is wrong.
    if (next === 'gone' && stored.canRemoveIdle?.() === false) return RECHECK_MS
    return next === 'gone' || next === Number.POSITIVE_INFINITY ? undefined : next - now()
  }

  /**
   * Removes expired handovers and idle chats. Goes on past chats that fail.
   * @throws the first fault, after all chats have been tried; `StoreUnavailable` at once
   */
  async function sweep(): Promise<void> {
    await store.handovers.removeExpired(now())
    if (chatTtlMs === 0) return
    const faults: unknown[] = []
    let swept = 0
    const idle = await store.idleChats(now() - chatTtlMs, now() - emptyTtlMs)
    if (stored.canRemoveIdle?.() === false) return
    for (const tag of idle) {
      if (++swept % SWEPT_PER_TURN === 0) await nextTurn()
      await applyDueExpiries(tag).catch((error: unknown) => {
        if (error instanceof StoreUnavailable) throw error
        faults.push(error)
      })
    }
    if (faults.length > 0) throw faults[0]
  }

  /** The chat as it is now: with what is due, although it may not be stored. `look`: how it is loaded. */
  async function load(tag: ChatTag, look: Look = () => store.load(tag)): Promise<LoadedChat | undefined> {
    const stored = await look()
    const present = stored && asOf(stored, now(), lifetime)
    return present === undefined || present === 'ended' ? undefined : present.chat
  }

  async function loadChat(chat: ChatId, look?: Look): Promise<LoadedChat> {
    const loaded = await load(tagOf(chat), look)
    // The store finds chats by their tag, which is no secret; the id contains the secret part.
    if (loaded?.door.chat !== chat) throw new Refused({ refused: 'chat-not-found' })
    return loaded
  }

  function cachedChat(chat: ChatId): LoadedChat | undefined {
    const cached = store.cached(tagOf(chat))
    const present = cached && asOf(cached, now(), lifetime)
    return present !== undefined && present !== 'ended' && present.chat.door.chat === chat ? present.chat : undefined
  }

  /** The chat with the link's tag. The rules check whether the link exists there. */
  async function loadChatByLink(link: LinkId, look?: Look): Promise<LoadedChat> {
    const loaded = await load(tagOf(link), look)
    if (loaded === undefined) throw new Refused({ refused: 'link-not-found' })
    return loaded
  }

  async function change<Result>(
    id: ChatId | LinkId,
    gone: 'chat-not-found' | 'link-not-found',
    decide: Decide<Result>
  ): Promise<Result> {
    const result = await decisions.decide(tagOf(id), decide)
    if (result === 'gone') throw new Refused({ refused: gone })
    return result
  }

  /**
   * Changes a door by taking a right away. If the store can be read but not written, the withdrawal is enforced here until it is
   * stored; `later` gives it a name, and the decision to store.
   * @throws Refused `not-stored`
   */
  async function withdraw<Result>(
    link: LinkId,
    decide: Decide<Result>,
    later: (result: Result) => [key: string, decide: Decide<Result>]
  ): Promise<Result> {
    const tag = tagOf(link)
    try {
      return await change(link, 'link-not-found', decide)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      const chat = await load(tag).catch(() => undefined)
      if (chat === undefined) throw error
      const [key, again] = later(orRefuse(decide(chat.door, now(), chat)).result)
      unstored.add({ tag, key, decide: again, store: () => change(link, 'link-not-found', again) })
      throw new Refused({ refused: 'not-stored' })
    }
  }

  return {
    /** The store as this process enforces it: what streams must read. */
    store,
    /** The number of withdrawals that are enforced but not stored yet. */
    unstored: () => unstored.size,
    createChat,
    postMessage,
    readMessages,
    members,
    changeProfile,
    authorizeStream,
    closeChat,
    joinRequests,
    links,
    createLink,
    revokeLink,
    exchange,
    leave,
    withdrawLater,
    claim,
    extendKnock,
    checkLink,
    titleBehind,
    ownRequest,
    approvalStatus,
    decide,
    decideOnAll,
    applyDueExpiries,
    handovers: createHandovers(store, now),
    sweep,
    clockSkewMs,
    ping: () => store.ping(),
    /** Stops work in the background, after a last attempt to store what is not stored yet. */
    close: () => {
      isClosed = true
      return unstored.close()
    }
  }
}

function doorstepOf({ chat, profile }: rules.Door, link: LinkId): Doorstep {
  return { chat, link, title: profile.title }
}

/** The network of a client as the door of this chat knows it. */
function networkIn(
  { chat }: rules.Door,
  network: ClientNetwork | undefined
): Pick<rules.RequestIdentity, 'network' | 'isNetworkUnsure'> {
  if (network === undefined) return {}
  return { network: networkDigest(chat, network.name), ...(!network.isSure && { isNetworkUnsure: true as const }) }
}

/** @throws Refused `request-ended` */
export function assertNotEnded(request: rules.JoinRequest, client: UserId): rules.JoinRequest {
  if (!rules.isEnded(request)) return request
  throw new Refused({ refused: 'request-ended', request, client })
}

async function retryWhileUnavailable(act: () => Promise<void>, isClosed: () => boolean): Promise<void> {
  for (let attempt = 1; !isClosed(); attempt++) {
    try {
      await act()
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || attempt === WITHDRAW_ATTEMPTS) throw error
      await sleep(WITHDRAW_RETRY_MS)
    }
  }
}

function freeRequestId(door: rules.Door): RequestId {
  for (;;) {
    const id = newRequestId()
    if (!rules.requestIdIsTaken(door, id)) return id
  }
}
