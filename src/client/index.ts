/**
 * The typed client for programs, the web page and the soak test. It can do everything that a person can do with curl:
 *
 *     const chat = await createChat('http://localhost:8000')
 *     const { link } = await chat.invite()                    // mail it
 *     for await (const event of chat.events()) {
 *       if (event.event === 'join_request') await chat.approve(event.data.link, event.data.request_id)
 *     }
 *
 *     const guest = await knock(link, { name: 'Ana' })
 *     const chat = await guest.waitUntilAdmitted()
 *     await chat.post('Ana: hello')
 */
import type { EventSourceMessage } from 'eventsource-parser'
import { type InputError, isRetryable, RequestError, type RequestErrorKind, SillyChatError } from './errors.ts'
import { type FollowOptions, follow } from './events.ts'
import { type ClientOptions, parseJson, parseUrl, pause, queryOf, requestJson, send, withDefaults } from './http.ts'
import { type KeyringEntry, KeyringError, readKeyring, writeKeyring } from './keyring.ts'
import { canSeal, seal, unseal } from './sealing.ts'
import {
  type Approval,
  type ApprovalEventData,
  type ChatEvent,
  type Check,
  type DecidedAll,
  type Exchange,
  isApproval,
  isApprovalEventData,
  isChatEvent,
  isDecidedAll,
  isExchange,
  isHandover,
  isJoinRequests,
  isLink,
  isLinks,
  isMembers,
  isMessage,
  isMessages,
  isNewChat,
  isNewHandover,
  isProfile,
  isServerInfo,
  type JoinRequest,
  type JoinRequests,
  type Link,
  type Links,
  type Members,
  type Message,
  type Messages,
  type NewHandover,
  type Profile,
  type ServerInfo
} from './shapes.ts'

export type {
  Approval,
  ChatEvent,
  ClientOptions,
  DecidedAll,
  Exchange,
  FollowOptions,
  InputError,
  JoinRequest,
  JoinRequests,
  KeyringEntry,
  Link,
  Links,
  Members,
  Message,
  Messages,
  NewHandover,
  Profile,
  RequestErrorKind,
  ServerInfo
}
export { canSeal, isRetryable, KeyringError, RequestError, readKeyring, SillyChatError, seal, unseal, writeKeyring }
/** @deprecated Use `isRetryable`. This name will be removed in the next version. */
export const isPassing = isRetryable

/** The maximum number of attempts to post a message. */
const POST_ATTEMPTS = 6
const POST_RETRY_MS = 500
/** How long a guest waits before the next poll for a decision after a stream has ended without one. */
const DECISION_RETRY_MS = 1000
const MAX_DECISION_RETRY_MS = 30_000

/** The messages after an event, or the newest ones. The two cannot be combined. */
export type WhichMessages = MessagesAfter | NewestMessages

interface MessagesAfter {
  /** Only messages after this event id; 0 is the beginning. */
  readonly after?: number | undefined
  /** At most this many messages, from the oldest on: 1 to 1,000. */
  readonly limit?: number | undefined
  /** If there is no such message, the server waits up to this many seconds for one: 1 to 300. */
  readonly wait?: number | undefined
  readonly last?: undefined
  readonly before?: undefined
}

interface NewestMessages {
  /** At most this many messages, the newest ones: 1 to 1,000. */
  readonly last: number
  /** Only messages before this event id, which need not be the id of an event. */
  readonly before?: number | undefined
  readonly after?: undefined
  readonly limit?: undefined
  readonly wait?: undefined
}

/** Which join requests to read. `before` needs `last`. */
export type WhichJoinRequests = {
  /** Only requests in this state; `ended` is declined or closed. */
  readonly state?: 'pending' | 'approved' | 'ended' | undefined
} & (
  | { readonly last?: undefined; readonly before?: undefined }
  | {
      /** At most this many requests, the newest ones: 1 to 1,000. */
      readonly last: number
      /** Only requests made before the one with this `request_id`, which can be in any state. */
      readonly before?: string | undefined
    }
)

export interface ProfileChange {
  readonly title?: string | null | undefined
  /** The owner's own name. */
  readonly name?: string | null | undefined
  readonly invites?: Profile['invites'] | undefined
}

export interface DeclineOptions {
  /** What to tell the guest: one line of at most 280 characters. */
  readonly note?: string | undefined
  /** Whether nobody in the guest's network can ask again through this link for a day. */
  readonly block?: boolean | undefined
}

/** A chat as one of its members sees it. Some methods are for the owner only. */
export class Chat {
  /** Secret. */
  readonly url: string
  /** The member's `author_id` or `client_id`. Secret. */
  readonly userId: string
  readonly #options: ClientOptions

  constructor(url: string, userId: string, options: ClientOptions = {}) {
    this.url = bare(url)
    this.userId = userId
    this.#options = options
  }

  /**
   * Posts a message exactly once: retries with the same idempotency key until the server answers, `attempts` times at
   * most.
   * @throws SillyChatError if the server refuses the message
   * @throws RequestError if no answer arrives
   */
  async post(
    text: string,
    idempotencyKey: string = randomKey(),
    { attempts = POST_ATTEMPTS }: { attempts?: number | undefined } = {}
  ): Promise<Message> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#request(this.url, isMessage, {
          json: { text },
          headers: { 'idempotency-key': idempotencyKey }
        })
      } catch (error) {
        if (!isRetryable(error) || attempt >= attempts) throw error
        const retryAfterMs = error instanceof SillyChatError ? error.retryAfterMs : undefined
        await pause(retryAfterMs ?? POST_RETRY_MS * attempt, this.#options.signal)
      }
    }
  }

  /**
   * Messages, oldest first: all of them, those after an event id, or the newest ones. `has_more` says whether `limit` or
   * `last` left some out. To read backwards:
   *
   *     let page = await chat.read({ last: 200 })
   *     while (page.has_more) page = await chat.read({ last: 200, before: page.messages[0]?.id })
   */
  read({ after, limit, wait, last, before }: WhichMessages = {}): Promise<Messages> {
    return this.#request(this.url + queryOf({ after, limit, wait, last, before }), isMessages)
  }

  /**
   * The live events of the chat, each once and in order; reconnects as often as necessary. The events begin after the id
   * `after` (0: at the beginning), or with the next new event if it is omitted. After a `reset`, read the chat again.
   * `closed` is the last event. Events that this version does not know are skipped.
   * @throws SillyChatError if the user can no longer read the chat
   * @throws RequestError if the answer is not an event stream
   * @throws the signal's reason once it is aborted
   */
  events({
    after,
    ...options
  }: FollowOptions & { after?: number | undefined } = {}): AsyncGenerator<ChatEvent, void, undefined> {
    return follow(`${this.url}/events`, this.userId, withDefaults(options, this.#options), {
      cursor: after === undefined ? undefined : `${after}`,
      read: readChatEvent,
      isLast: ({ event }) => event === 'closed'
    })
  }

  /** Who is in the chat, the owner first; with `all` also who was, so that old messages have names. */
  members({ all = false }: { all?: boolean } = {}): Promise<Members> {
    return this.#request(this.url + (all ? '/members?all=true' : '/members'), isMembers)
  }

  /**
   * Changes the title, the owner's name, or who can create links (owner). What is left out stays as it is; null removes a
   * title or name.
   */
  change(profile: ProfileChange): Promise<Profile> {
    return this.#request(this.url, isProfile, { json: profile, method: 'PATCH' })
  }

  /** Creates a link to this chat, optionally limited to a time in seconds and to a number of guests at a time. */
  invite({
    expiresIn,
    maxGuests
  }: {
    expiresIn?: number | undefined
    maxGuests?: number | undefined
  } = {}): Promise<Link> {
    return this.#request(this.#sibling('links'), isLink, {
      json: { chat: this.url, expires_in: expiresIn, max_guests: maxGuests }
    })
  }

  /** The links of this chat, with the numbers of pending guests and members of each (owner). */
  links(): Promise<Links> {
    return this.#request(`${this.url}/links`, isLinks)
  }

  /** Revokes a link: nobody can join through it any more (owner). */
  async revoke(linkUrl: string): Promise<void> {
    await send(linkUrl, { ...this.#options, user: this.userId, method: 'DELETE' })
  }

  /**
   * The join requests of this chat, oldest first (owner): all of them, those in a state, or the newest ones. With `last`,
   * `has_more` says whether there are older ones.
   * @throws SillyChatError `request-not-found` if the server no longer keeps the request `before`: start again without it
   */
  joinRequests({ state, last, before }: WhichJoinRequests = {}): Promise<JoinRequests> {
    return this.#request(`${this.url}/join-requests${queryOf({ state, last, before })}`, isJoinRequests)
  }

  /** Approves a join request (owner). Without a request id: the only pending one at that link. */
  approve(linkUrl: string, requestId?: string | undefined): Promise<Approval> {
    return this.#request(this.#sibling('approval'), isApproval, { json: { link: linkUrl, request_id: requestId } })
  }

  /** Declines a guest, or removes a member (owner). Without a request id: the only pending request at that link. */
  decline(linkUrl: string, requestId?: string | undefined, { note, block }: DeclineOptions = {}): Promise<Approval> {
    return this.#request(this.#sibling('approval'), isApproval, {
      json: { link: linkUrl, request_id: requestId, approval_status: false, note, block }
    })
  }

  /** Approves or declines everybody who waits at that link, oldest first (owner). */
  decideOnAll(
    linkUrl: string,
    verdict: 'approve' | 'decline',
    { note }: Pick<DeclineOptions, 'note'> = {}
  ): Promise<DecidedAll> {
    return this.#request(this.#sibling('approval'), isDecidedAll, {
      json: { link: linkUrl, all: true, approval_status: verdict === 'approve', note }
    })
  }

  /** Closes the chat and deletes everything in it (owner). */
  async close(): Promise<void> {
    await send(this.url, { ...this.#options, user: this.userId, method: 'DELETE' })
  }

  #request<Answer>(
    url: string,
    isAnswer: Check<Answer>,
    more: { json?: unknown; headers?: Record<string, string>; method?: string } = {}
  ): Promise<Answer> {
    return requestJson(url, isAnswer, { ...this.#options, user: this.userId, ...more })
  }

  #sibling(noun: string): string {
    return this.url.replace(/\/chats\/[^/]*$/, `/${noun}`)
  }
}

/** A guest who has knocked. */
export class Guest {
  readonly link: string
  /** Secret: identifies the guest, also in the chat once admitted. */
  readonly clientId: string
  /** Public: the request code that the guest tells the owner over another channel. */
  readonly requestId: string
  readonly #options: ClientOptions

  constructor(linkUrl: string, clientId: string, requestId: string, options: ClientOptions = {}) {
    this.link = bare(linkUrl)
    this.clientId = clientId
    this.requestId = requestId
    this.#options = options
  }

  /** The current state of the join request. */
  state(): Promise<Exchange> {
    return this.#state(this.#options)
  }

  /** Withdraws the join request, or leaves the chat. */
  async leave(): Promise<void> {
    await send(`${this.link}/request`, { ...this.#options, user: this.clientId, method: 'DELETE' })
  }

  /** @deprecated Use `waitUntilAdmitted`. This name will be removed in the next version. */
  admitted(options: FollowOptions = {}): Promise<Chat> {
    return this.waitUntilAdmitted(options)
  }

  /**
   * Waits until the owner has decided; reconnects as often as necessary.
   * @throws SillyChatError if the request was declined or closed, or the link or the chat has ended
   * @throws RequestError if the answer is not an event stream
   * @throws the signal's reason once it is aborted
   */
  async waitUntilAdmitted(options: FollowOptions = {}): Promise<Chat> {
    const all = withDefaults(options, this.#options)
    for (let attempt = 0; ; attempt++) {
      const chat = (await this.#awaitDecision(all)) ?? (await this.#decided(all))
      if (chat !== undefined) return new Chat(chat, this.clientId, this.#options)
      // The stream has ended without a decision, or the state could not be read.
      await pause(Math.min(DECISION_RETRY_MS * 2 ** attempt, MAX_DECISION_RETRY_MS), all.signal)
    }
  }

  /** The chat's URL if the stream reports an approval. A refusal can be outdated, so `#decided` checks it. */
  async #awaitDecision(options: FollowOptions): Promise<string | undefined> {
    const events = follow(`${this.link}/events`, this.clientId, options, {
      read: readApproval,
      isLast: ({ state }) => state !== 'pending',
      // A proxy can block streams.
      isOver: async () => (await this.#decided(options)) !== undefined
    })
    for await (const { chat } of events) if (chat !== null) return chat
    return undefined
  }

  /** The chat's URL if the request is approved now: an owner can approve a guest right after declining. */
  async #decided(options: ClientOptions): Promise<string | undefined> {
    try {
      const { chat } = await this.#state(options)
      return chat ?? undefined
    } catch (error) {
      if (isRetryable(error)) return undefined
      throw error
    }
  }

  #state({ fetch, signal }: ClientOptions): Promise<Exchange> {
    return requestJson(this.link, isExchange, { fetch, signal, user: this.clientId })
  }
}

/**
 * What the server is: its version, its limits, and for how long it keeps chats.
 * @throws SillyChatError if the server refuses it, or is older than this
 * @throws RequestError if no Silly Chat server answers at this URL
 */
export function readServer(server: string, options: ClientOptions = {}): Promise<ServerInfo> {
  return requestJson(apiUrl(server, 'server'), isServerInfo, options)
}

/**
 * Creates a chat, perhaps with a title and the owner's name, and becomes its owner.
 * @throws SillyChatError if the server refuses it
 * @throws RequestError if no Silly Chat server answers at this URL
 */
export async function createChat(
  server: string,
  { title, name, ...options }: ClientOptions & Omit<ProfileChange, 'invites'> = {}
): Promise<Chat> {
  const { chat, author_id } = await requestJson(apiUrl(server, 'chats'), isNewChat, {
    ...options,
    json: { title, name }
  })
  return new Chat(chat, author_id, options)
}

/**
 * Opens a link as a new guest, which creates a join request.
 * @throws SillyChatError if the server refuses it
 * @throws RequestError if the URL is not a link, or no Silly Chat server answers at it
 */
export async function knock(
  linkUrl: string,
  { name, note, ...options }: ClientOptions & { name?: string | undefined; note?: string | undefined } = {}
): Promise<Guest> {
  const url = parseUrl(linkUrl)
  if (name !== undefined) url.searchParams.set('name', name)
  if (note !== undefined) url.searchParams.set('note', note)
  const { client_id, request_id, link } = await requestJson(url.href, isExchange, options)
  if (typeof client_id !== 'string' || typeof request_id !== 'string') {
    const advice = 'The server made no join request. Take the user id out of the query of the link.'
    throw new RequestError('unexpected-response', advice)
  }
  return new Guest(link, client_id, request_id, options)
}

function apiUrl(server: string, path: string): string {
  return `${server.replace(/\/+$/, '')}/v1/${path}`
}

/**
 * Leaves a sealed text on the server, for another device to take: once, for ten minutes. Put its key into the fragment of
 * the URL, which is never sent to a server:
 *
 *     const { sealed, key } = await seal(writeKeyring(keys))
 *     const { handover } = await createHandover('http://localhost:8000', sealed)   // open `${handover}#${key}` there
 *     const taken = readKeyring(await unseal(await takeHandover(handover), key))
 *
 * @throws SillyChatError if the server refuses it
 * @throws RequestError if no Silly Chat server answers at this URL
 */
export function createHandover(server: string, sealed: string, options: ClientOptions = {}): Promise<NewHandover> {
  return requestJson(apiUrl(server, 'handovers'), isNewHandover, { ...options, json: { sealed } })
}

/**
 * Takes a sealed text. If the answer is lost, so is the text.
 * @throws SillyChatError `handover-not-found` if it was taken, has expired or never existed
 * @throws RequestError if no answer arrives
 */
export async function takeHandover(handoverUrl: string, options: ClientOptions = {}): Promise<string> {
  const { sealed } = await requestJson(bare(handoverUrl), isHandover, { ...options, method: 'POST' })
  return sealed
}

/** Removes the query, the fragment and trailing slashes, so that a path can be appended. */
function bare(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/+$/, '')
}

function readChatEvent({ event = 'message', id, data }: EventSourceMessage): ChatEvent | undefined {
  const value = { event, data: parseJson(data), ...(id !== undefined && { id: idOf(id) }) }
  return isChatEvent(value) ? value : undefined
}

/** Returns NaN if the text is not an event id. */
function idOf(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
}

function readApproval({ event, data }: EventSourceMessage): ApprovalEventData | undefined {
  const value = parseJson(data)
  return event === 'approval' && isApprovalEventData(value) ? value : undefined
}

/** `crypto.randomUUID` exists only in secure contexts, so not on a page served over plain http. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
