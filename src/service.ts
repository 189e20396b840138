/**
 * What can be done, one use case a function: load the chat, ask the rules, commit, and decide again if somebody else
 * was faster. Knows neither HTTP nor how anything is stored. What is refused is thrown as a `Problem`.
 */

import type { ApprovedRequest, Door, JoinRequest, Link, Refusal, Standing } from './chat/door.ts'
import * as rules from './chat/door.ts'
import { type LoggedMessage, textOf } from './chat/events.ts'
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
  tagOf,
  type UserDigest,
  type UserId
} from './ids.ts'
import { Problem } from './problems.ts'
import type { LoadedChat, MessagePage, Store } from './store/store.ts'

export interface ServiceDependencies {
  readonly store: Store
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** What opening a link came to: the state of one's own request, or that one is in without it. */
export type Exchange = { readonly chat: ChatId; readonly link: LinkId } & (
  | { readonly is: 'guest'; readonly client: UserId; readonly request: JoinRequest }
  | { readonly is: 'inside' }
)

export type Service = ReturnType<typeof createService>

export function createService({ store, now }: ServiceDependencies) {
  async function createChat(): Promise<{ chat: ChatId; author: UserId }> {
    const author = newUserId()
    for (;;) {
      const chat = newChatId()
      const outcome = await store.create(rules.newDoor(chat, digestOf(author), now()))
      if (outcome === 'created') return { chat, author }
      if (outcome === 'store-full') throw new Problem('store-full')
    }
  }

  /** With an idempotency key that this user has used in this chat it posts nothing and gives the first message. */
  async function postMessage(
    chat: ChatId | undefined,
    user: UserId,
    text: string,
    idempotencyKey?: string
  ): Promise<LoggedMessage> {
    const digest = digestOf(user)
    const key = idempotencyKey === undefined ? undefined : postKey(digest, idempotencyKey)
    const message = await append(chat, digest, text, key)
    if (key !== undefined && textOf(message) !== text) throw new Problem('idempotency-key-reused')
    return message
  }

  async function append(
    chat: ChatId | undefined,
    user: UserDigest,
    text: string,
    key: PostKey | undefined
  ): Promise<LoggedMessage> {
    for (;;) {
      const { door } = await loadChat(chat)
      allowed(rules.enter(door, user))
      const outcome = await store.append(tagOf(door.chat), door.rights, { text, createdAt: now() }, key)
      if (typeof outcome === 'object') return outcome
      if (outcome === 'gone') throw new Problem('chat-not-found')
      if (outcome !== 'conflict') throw new Problem(outcome)
    }
  }

  async function readMessages(
    chat: ChatId | undefined,
    user: UserId,
    page: { after?: number | undefined; limit?: number | undefined }
  ): Promise<{ chat: ChatId; page: MessagePage }> {
    const { door } = await loadChat(chat)
    allowed(rules.enter(door, digestOf(user)))
    const found = await store.messages(tagOf(door.chat), page.after ?? 0, page.limit)
    if (found === 'gone') throw new Problem('chat-not-found')
    if (found === 'cursor-unknown') throw new Problem('cursor-unknown')
    return { chat: door.chat, page: found }
  }

  /** Whether somebody may follow the chat's live stream; the stream itself reads what there is to be told. */
  async function enterChat(chat: ChatId | undefined, user: UserId): Promise<ChatTag> {
    const { door } = await loadChat(chat)
    allowed(rules.enter(door, digestOf(user)))
    return tagOf(door.chat)
  }

  async function joinRequests(
    chat: ChatId | undefined,
    user: UserId
  ): Promise<{ requests: readonly JoinRequest[]; lastEventId: number }> {
    const { door, lastEventId } = await loadChat(chat)
    return { requests: allowed(rules.joinRequestsFor(door, digestOf(user))), lastEventId }
  }

  async function createLink(
    chat: ChatId | undefined,
    maker: UserId | undefined
  ): Promise<{ chat: ChatId; link: Link }> {
    const digest = maker && digestOf(maker)
    return change(await loadChat(chat), (door) => {
      const decision = rules.addLink(door, newLinkId(tagOf(door.chat)), digest, now())
      return 'refused' in decision ? decision : { ...decision, result: { chat: door.chat, link: decision.result } }
    })
  }

  /** Opens a link: as a newcomer, which knocks, or with the user id of somebody whom the chat knows. */
  async function exchange(link: LinkId | undefined, user: UserId | undefined, name: string | null): Promise<Exchange> {
    const loaded = await loadChatOf(link)
    const { door } = loaded
    if (user !== undefined) {
      const standing: Standing = allowed(rules.standingAt(door, loaded.link, digestOf(user)))
      if (standing.is === 'inside') return { chat: door.chat, link: loaded.link, is: 'inside' }
      const request = refuseEnded(standing.request, user)
      return { chat: door.chat, link: loaded.link, is: 'guest', client: user, request }
    }
    const client = newUserId()
    const asked = { link: loaded.link, guest: digestOf(client), name, requestedAt: now() }
    const request = await change(loaded, (current) => rules.knock(current, { ...asked, id: freeRequestId(current) }))
    return { chat: door.chat, link: loaded.link, is: 'guest', client, request }
  }

  /** Takes a guest's request back; nothing is left to take where it has ended or the chat is gone. */
  async function takeBack(link: LinkId, client: UserId): Promise<void> {
    const guest = digestOf(client)
    await change(await loadChatOf(link), (door) => rules.takeBack(door, guest, now()))
  }

  /** Whether a newcomer would find the link open. Changes nothing. */
  async function checkLink(link: LinkId | undefined): Promise<void> {
    const loaded = await loadChatOf(link)
    allowed(rules.linkIsOpen(loaded.door, loaded.link))
  }

  /** The present state of the own request of a guest of this link. */
  async function ownRequest(
    link: LinkId | undefined,
    user: UserId
  ): Promise<{ chat: ChatId; link: LinkId; request: JoinRequest }> {
    const loaded = await loadChatOf(link)
    const request = allowed(rules.requestOf(loaded.door, loaded.link, digestOf(user)))
    return { chat: loaded.door.chat, link: loaded.link, request }
  }

  async function approvalStatus(
    link: LinkId | undefined,
    user: UserId | undefined,
    request: RequestId | undefined
  ): Promise<boolean> {
    const loaded = await loadChatOf(link)
    return allowed(rules.approvalAt(loaded.door, loaded.link, user && digestOf(user), request))
  }

  async function approve(
    link: LinkId | undefined,
    user: UserId,
    request: RequestId | undefined
  ): Promise<ApprovedRequest> {
    const loaded = await loadChatOf(link)
    return change(loaded, (door) => rules.approve(door, loaded.link, digestOf(user), request, now()))
  }

  async function loadChat(chat: ChatId | undefined): Promise<LoadedChat> {
    const loaded = chat && (await store.load(tagOf(chat)))
    // The tag leads to a chat; only the whole id, which holds the secret, opens it.
    if (loaded === undefined || loaded.door.chat !== chat) throw new Problem('chat-not-found')
    return loaded
  }

  /** The chat that a link may lead to; whether it really does is for the rules to say. */
  async function loadChatOf(link: LinkId | undefined): Promise<LoadedChat & { link: LinkId }> {
    const loaded = link && (await store.load(tagOf(link)))
    if (link === undefined || loaded === undefined) throw new Problem('link-not-found')
    return { ...loaded, link }
  }

  async function change<Result>(
    loaded: LoadedChat,
    decide: (door: Door) => rules.Change<Result> | Refusal
  ): Promise<Result> {
    const tag = tagOf(loaded.door.chat)
    for (let chat: LoadedChat | undefined = loaded; chat !== undefined; chat = await store.load(tag)) {
      const decision = allowed(decide(chat.door))
      if (decision.door === chat.door) return decision.result
      const outcome = await store.commit(tag, chat.version, decision.door, decision.events)
      if (outcome === 'gone') break
      if (outcome !== 'conflict') return decision.result
    }
    throw new Problem('chat-not-found')
  }

  return {
    createChat,
    postMessage,
    readMessages,
    enterChat,
    joinRequests,
    createLink,
    exchange,
    takeBack,
    checkLink,
    ownRequest,
    approvalStatus,
    approve,
    ping: () => store.ping()
  }
}

/** A request that has ended is refused to the guest whose it is, with what the guest needs to know of it. */
export function refuseEnded(request: JoinRequest, client: UserId): JoinRequest {
  if (request.state !== 'closed') return request
  const members = { state: request.state, request_id: request.id, client_id: client }
  throw new Problem(request.reason, { members })
}

/** What the rules granted; what they refused is thrown. */
function allowed<Granted>(decision: Granted | Refusal): Granted {
  if (!isRefusal(decision)) return decision
  switch (decision.refused) {
    case 'several-requests':
      throw new Problem(decision.refused, { members: { pending_request_ids: decision.pending } })
    case 'request-closed':
      throw new Problem(decision.refused, { members: { state: 'closed' } })
    default:
      throw new Problem(decision.refused)
  }
}

function isRefusal(decision: unknown): decision is Refusal {
  return typeof decision === 'object' && decision !== null && 'refused' in decision
}

function freeRequestId(door: Door): RequestId {
  for (;;) {
    const id = newRequestId()
    if (!rules.requestIdIsTaken(door, id)) return id
  }
}
