/**
 * The use cases, one function each: load the chat, apply the rules, commit, and start over on a conflict. Independent of
 * HTTP and of how anything is stored. Refusals are thrown as `Refused`.
 *
 * Loading a chat first commits its due expiries, so no use case ever sees an expired link as open, or an expired chat.
 */

import * as changes from './changes.ts'
import * as rules from './door.ts'
import { type JoinEvent, type LoggedMessage, textOf } from './events.ts'
import {
  type ChatId,
  type ChatTag,
  digestOf,
  type LinkId,
  newChatId,
  newLinkId,
  newRequestId,
  newUserId,
  type PostKey,
  postKey,
  type RequestId,
  sourceOf,
  tagOf,
  type UserDigest,
  type UserId
} from './ids.ts'
import { Refused } from './refusals.ts'
import { DoorStats } from './stats.ts'
import type { LoadedChat, MessagePage, Store } from './store.ts'

export interface ServiceDependencies {
  readonly store: Store
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** A chat without a new event for this long is removed; 0 for never. */
  readonly chatTtlMs: number
  readonly stats?: DoorStats
}

const DAY_MS = 86_400_000

/** After how long a chat that never had an event is removed: after `chatTtlMs`, but after a day at the latest. */
export function emptyTtlOf(chatTtlMs: number): number {
  return Math.min(chatTtlMs, DAY_MS)
}

/** The result of opening a link: the guest's request. `inside`: the owner, or a member who joined through another link. */
export type Exchange = GuestExchange | { readonly is: 'inside'; readonly chat: ChatId; readonly link: LinkId }

export interface GuestExchange {
  readonly is: 'guest'
  readonly chat: ChatId
  readonly link: LinkId
  readonly client: UserId
  readonly request: rules.JoinRequest
}

/** Somebody who opens a link without a user id. */
export interface Newcomer {
  readonly name: string | null
  /** The network of the client, if pending requests are limited per network. */
  readonly network?: string | undefined
}

export interface NewLink {
  readonly expiresInSeconds?: number | undefined
  readonly maxGuests?: number | undefined
}

export type Service = ReturnType<typeof createService>

export function createService({ store, now, chatTtlMs, stats = new DoorStats() }: ServiceDependencies) {
  const emptyTtlMs = emptyTtlOf(chatTtlMs)

  async function createChat(): Promise<{ chat: ChatId; author: UserId }> {
    const author = newUserId()
    for (;;) {
      const chat = newChatId()
      const outcome = await store.create(changes.newDoor(chat, digestOf(author), now()))
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
    const message = await append(chat, digest, text, key)
    if (key !== undefined && textOf(message) !== text) throw new Refused({ refused: 'idempotency-key-reused' })
    stats.messages++
    return message
  }

  async function append(
    chat: ChatId,
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
      orRefuse(rules.requireMember(door, user))
      const outcome = await store.append(tagOf(door.chat), door.rights, { text, createdAt: now() }, key)
      if (typeof outcome === 'object') return outcome
      if (outcome === 'gone') throw new Refused({ refused: 'chat-not-found' })
      if (outcome !== 'conflict') throw new Refused({ refused: outcome })
    }
  }

  async function readMessages(
    chat: ChatId,
    user: UserId,
    page: { after?: number | undefined; limit?: number | undefined }
  ): Promise<{ chat: ChatId; page: MessagePage }> {
    const { door, lastEventId } = await loadChat(chat)
    orRefuse(rules.requireMember(door, digestOf(user)))
    // Events after `lastEventId` may include the user's removal.
    const messages = await store.messages(tagOf(door.chat), page.after ?? 0, { limit: page.limit, upTo: lastEventId })
    if (messages === 'gone') throw new Refused({ refused: 'chat-not-found' })
    if (messages === 'cursor-unknown') throw new Refused({ refused: 'cursor-unknown' })
    return { chat: door.chat, page: messages }
  }

  /** Checks that the user can follow the chat's live stream. Returns the tag to follow. */
  async function authorizeStream(chat: ChatId, user: UserId): Promise<ChatTag> {
    const { door } = await loadChat(chat)
    orRefuse(rules.requireMember(door, digestOf(user)))
    return tagOf(door.chat)
  }

  /** Removes the chat with everything in it. */
  async function closeChat(chat: ChatId, user: UserId): Promise<void> {
    const { door } = await loadChat(chat)
    orRefuse(rules.requireOwner(door, digestOf(user)))
    await remove(door)
  }

  async function joinRequests(
    chat: ChatId,
    user: UserId
  ): Promise<{ requests: readonly rules.JoinRequest[]; lastEventId: number }> {
    const { door, lastEventId } = await loadChat(chat)
    return { requests: orRefuse(rules.joinRequestsFor(door, digestOf(user))), lastEventId }
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
    return change(await loadChat(chat), (door, at) => {
      const expiresAt = expiresInSeconds === undefined ? null : at + expiresInSeconds * 1000
      const id = newLinkId(tagOf(door.chat))
      const decision = changes.addLink(door, id, digest, at, { expiresAt, maxGuests: maxGuests ?? null })
      return 'refused' in decision ? decision : { ...decision, result: { chat: door.chat, link: decision.result } }
    })
  }

  async function revokeLink(link: LinkId, user: UserId): Promise<void> {
    const loaded = await loadChatByLink(link)
    await change(loaded, (door, at) => changes.revokeLink(door, loaded.link, digestOf(user), at))
  }

  /** Opens a link. Without a user id this creates a join request; with one it returns the state of that user. */
  async function exchange(
    link: LinkId,
    user: UserId | undefined,
    { name, network }: Newcomer = { name: null }
  ): Promise<Exchange> {
    const loaded = await loadChatByLink(link)
    const { door } = loaded
    if (user !== undefined) {
      const standing: rules.Standing = orRefuse(rules.standingAt(door, loaded.link, digestOf(user)))
      if (standing.is === 'inside') return { chat: door.chat, link: loaded.link, is: 'inside' }
      const request = assertNotEnded(standing.request, user)
      return { chat: door.chat, link: loaded.link, is: 'guest', client: user, request }
    }
    const client = newUserId()
    const identity = { link: loaded.link, guest: digestOf(client), name }
    const source = network === undefined ? undefined : sourceOf(tagOf(loaded.link), network)
    const request = await change(loaded, (current, at) =>
      changes.knock(current, { ...identity, id: freeRequestId(current), requestedAt: at }, source)
    )
    return { chat: door.chat, link: loaded.link, is: 'guest', client, request }
  }

  /** Withdraws a guest's request, or removes the guest from the chat. If the request has ended, this changes nothing. */
  async function leave(link: LinkId, client: UserId): Promise<void> {
    const guest = digestOf(client)
    const loaded = await loadChatByLink(link)
    await change(loaded, (door, at) => changes.leave(door, loaded.link, guest, at))
  }

  /** Checks that a newcomer can join through the link. Creates no join request. */
  async function checkLink(link: LinkId): Promise<void> {
    const loaded = await loadChatByLink(link)
    orRefuse(rules.openLink(loaded.door, loaded.link))
  }

  async function ownRequest(
    link: LinkId,
    user: UserId
  ): Promise<{ chat: ChatId; link: LinkId; request: rules.JoinRequest }> {
    const loaded = await loadChatByLink(link)
    const request = orRefuse(rules.requestOf(loaded.door, loaded.link, digestOf(user)))
    return { chat: loaded.door.chat, link: loaded.link, request }
  }

  async function approvalStatus(
    link: LinkId,
    user: UserId | undefined,
    request: RequestId | undefined
  ): Promise<boolean> {
    const loaded = await loadChatByLink(link)
    return orRefuse(rules.approvalAt(loaded.door, loaded.link, user && digestOf(user), request))
  }

  /** For the owner. */
  async function decide(
    link: LinkId,
    user: UserId,
    request: RequestId | undefined,
    verdict: 'approve' | 'decline'
  ): Promise<rules.ApprovedRequest | rules.DeclinedRequest> {
    const loaded = await loadChatByLink(link)
    const ref = { link: loaded.link, id: request }
    const digest = digestOf(user)
    return change<rules.ApprovedRequest | rules.DeclinedRequest>(loaded, (door, at) =>
      verdict === 'approve' ? changes.approve(door, ref, digest, at) : changes.decline(door, ref, digest, at)
    )
  }

  /** Commits due expiries. Returns the milliseconds until the next one, if there is one. */
  async function applyDueExpiries(tag: ChatTag): Promise<number | undefined> {
    const { nextExpiry } = (await load(tag))?.door ?? { nextExpiry: null }
    return nextExpiry === null ? undefined : nextExpiry - now()
  }

  /** Removes idle chats. */
  async function sweep(): Promise<void> {
    if (chatTtlMs === 0) return
    for (const tag of await store.idleChats(now() - chatTtlMs, now() - emptyTtlMs)) await load(tag)
  }

  /** The current chat, after its due expiries have been committed, each with the instant at which it was due. */
  async function load(tag: ChatTag): Promise<LoadedChat | undefined> {
    for (;;) {
      const chat = await store.load(tag)
      if (chat === undefined) return undefined
      const due = Math.min(chat.door.nextExpiry ?? Number.POSITIVE_INFINITY, now())
      if (due >= endOf(chat)) await remove(chat.door, chat.lastEventId)
      else {
        const { door, events } = changes.expireLinks(chat.door, due)
        if (door === chat.door) return chat
        await commit(chat, door, events, due)
      }
    }
  }

  async function commit(
    before: LoadedChat,
    door: rules.Door,
    events: readonly JoinEvent[],
    at: number
  ): Promise<'committed' | 'conflict' | 'gone'> {
    const outcome = await store.commit(tagOf(door.chat), before.version, door, events, at)
    if (typeof outcome === 'string') return outcome
    stats.changed(before.door, events)
    return 'committed'
  }

  async function remove(door: rules.Door, lastEventId?: number): Promise<void> {
    if (await store.remove(tagOf(door.chat), lastEventId)) stats.ended(door)
  }

  /** When the chat is removed if no further event is logged. */
  function endOf({ idleSince, lastEventId }: LoadedChat): number {
    if (chatTtlMs === 0) return Number.POSITIVE_INFINITY
    return idleSince + (lastEventId === 0 ? emptyTtlMs : chatTtlMs)
  }

  async function loadChat(chat: ChatId): Promise<LoadedChat> {
    const loaded = await load(tagOf(chat))
    // The store finds chats by their tag, which is no secret; the id contains the secret part.
    if (loaded?.door.chat !== chat) throw new Refused({ refused: 'chat-not-found' })
    return loaded
  }

  /** The cached chat, unless something in it is due. */
  function cachedChat(chat: ChatId): LoadedChat | undefined {
    const cached = store.cached(tagOf(chat))
    if (cached?.door.chat !== chat) return undefined
    return now() < Math.min(endOf(cached), cached.door.nextExpiry ?? Number.POSITIVE_INFINITY) ? cached : undefined
  }

  /** The chat with the link's tag. The rules check whether the link exists there. */
  async function loadChatByLink(link: LinkId): Promise<LoadedChat & { link: LinkId }> {
    const loaded = await load(tagOf(link))
    if (loaded === undefined) throw new Refused({ refused: 'link-not-found' })
    return { ...loaded, link }
  }

  async function change<Result>(
    loaded: LoadedChat & { readonly link?: LinkId },
    decide: (door: rules.Door, at: number) => changes.Change<Result> | rules.Refusal
  ): Promise<Result> {
    const tag = tagOf(loaded.door.chat)
    for (let chat: LoadedChat | undefined = loaded; chat !== undefined; chat = await load(tag)) {
      const at = now()
      if (changes.expireLinks(chat.door, at).door !== chat.door) continue
      const decision = orRefuse(decide(chat.door, at))
      if (decision.door === chat.door) return decision.result
      const outcome = await commit(chat, decision.door, decision.events, at)
      if (outcome === 'gone') break
      if (outcome === 'committed') return decision.result
    }
    throw removedMeanwhile(loaded)
  }

  return {
    createChat,
    postMessage,
    readMessages,
    authorizeStream,
    closeChat,
    joinRequests,
    links,
    createLink,
    revokeLink,
    exchange,
    leave,
    checkLink,
    ownRequest,
    approvalStatus,
    decide,
    applyDueExpiries,
    sweep,
    ping: () => store.ping()
  }
}

/** @throws Refused `request-ended` */
export function assertNotEnded(request: rules.JoinRequest, client: UserId): rules.JoinRequest {
  if (!rules.isEnded(request)) return request
  const { id, state } = request
  throw new Refused({ refused: 'request-ended', ending: rules.endingOf(request), state, request: id, client })
}

/** A caller who used a link gets `link-not-found`: they may not know the chat. */
function removedMeanwhile({ link }: { readonly link?: LinkId }): Refused {
  return new Refused({ refused: link === undefined ? 'chat-not-found' : 'link-not-found' })
}

/** @throws Refused if the rules refuse */
function orRefuse<Granted>(decision: Granted | rules.Refusal): Granted {
  if (isRefusal(decision)) throw new Refused(decision)
  return decision
}

function isRefusal(decision: unknown): decision is rules.Refusal {
  return typeof decision === 'object' && decision !== null && 'refused' in decision
}

function freeRequestId(door: rules.Door): RequestId {
  for (;;) {
    const id = newRequestId()
    if (!rules.requestIdIsTaken(door, id)) return id
  }
}
