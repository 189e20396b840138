/**
 * The typed client for programs, the page and the soak. Everything that a person does with curl, in a few calls:
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
import { ask, type ClientOptions, over, parseJson, parseUrl, pause, queryOf, send } from './http.ts'
import {
  type Approval,
  type ApprovalEventData,
  type ChatEvent,
  type Check,
  type Exchange,
  isApproval,
  isApprovalEventData,
  isChatEvent,
  isExchange,
  isJoinRequests,
  isLink,
  isLinks,
  isMessage,
  isMessages,
  isNewChat,
  type JoinRequest,
  type JoinRequests,
  type Link,
  type Links,
  type Message,
  type Messages
} from './shapes.ts'

export type {
  Approval,
  ChatEvent,
  ClientOptions,
  Exchange,
  FollowOptions,
  InputError,
  JoinRequest,
  JoinRequests,
  Link,
  Links,
  Message,
  Messages,
  RequestErrorKind
}
export { isRetryable, RequestError, SillyChatError }
/** @deprecated Use `isRetryable`; this name goes with the next version. */
export const isPassing = isRetryable

/** How often a post is sent again before it counts as failed. */
const POST_ATTEMPTS = 6
const POST_RETRY_MS = 500
/** How long a guest waits before asking again whether there is a decision, where a stream has ended without one. */
const DECISION_RETRY_MS = 1000
const MAX_DECISION_RETRY_MS = 30_000

/** A chat as one of its members sees it; the owner can do more. */
export class Chat {
  /** Secret. */
  readonly url: string
  /** The `author_id` or `client_id` of who this is. Secret. */
  readonly userId: string
  readonly #options: ClientOptions

  constructor(url: string, userId: string, options: ClientOptions = {}) {
    this.url = bare(url)
    this.userId = userId
    this.#options = options
  }

  /**
   * Posts a message, again and again until it is answered: it is said once, however often it had to be sent. `attempts`
   * limits how often that is.
   * @throws SillyChatError if it is refused
   * @throws RequestError if no answer arrives
   */
  async post(
    text: string,
    idempotencyKey: string = randomKey(),
    { attempts = POST_ATTEMPTS }: { attempts?: number | undefined } = {}
  ): Promise<Message> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#ask(this.url, isMessage, {
          json: { text },
          headers: { 'idempotency-key': idempotencyKey }
        })
      } catch (error) {
        if (!isRetryable(error) || attempt >= attempts) throw error
        const asked = error instanceof SillyChatError ? error.retryAfterMs : undefined
        await pause(asked ?? POST_RETRY_MS * attempt, this.#options.signal)
      }
    }
  }

  /** The messages after an event id; `wait` seconds for one if there is none. */
  read({
    after,
    limit,
    wait
  }: {
    after?: number | undefined
    limit?: number | undefined
    wait?: number | undefined
  } = {}): Promise<Messages> {
    return this.#ask(this.url + queryOf({ after, limit, wait }), isMessages)
  }

  /**
   * What happens, as it happens, over as many connections as it takes: each event once and in order. With `after` it
   * begins behind that event (0: at the beginning), without with what is new. After a `reset` read the chat again.
   * `closed` is the last event. Events that this version does not know are skipped.
   * @throws SillyChatError if the right to read has ended meanwhile
   * @throws RequestError if something answers that is no such stream
   * @throws the signal's reason once it is aborted
   */
  events({
    after,
    ...options
  }: FollowOptions & { after?: number | undefined } = {}): AsyncGenerator<ChatEvent, void, undefined> {
    return follow(`${this.url}/events`, this.userId, over(this.#options, options), {
      cursor: after === undefined ? undefined : `${after}`,
      read: readChatEvent,
      isLast: ({ event }) => event === 'closed'
    })
  }

  /** Makes a link to this chat, for so many seconds and so many guests at the same time, if that is said. */
  invite({
    expiresIn,
    maxGuests
  }: {
    expiresIn?: number | undefined
    maxGuests?: number | undefined
  } = {}): Promise<Link> {
    return this.#ask(this.#sibling('links'), isLink, {
      json: { chat: this.url, expires_in: expiresIn, max_guests: maxGuests }
    })
  }

  /** Which links lead here, and who waits and is in through each (owner). */
  links(): Promise<Links> {
    return this.#ask(`${this.url}/links`, isLinks)
  }

  /** Nobody new comes in through that link (owner). */
  async revoke(linkUrl: string): Promise<void> {
    await send(linkUrl, { ...this.#options, user: this.userId, method: 'DELETE' })
  }

  /** Who has asked (owner). */
  joinRequests(): Promise<JoinRequests> {
    return this.#ask(`${this.url}/join-requests`, isJoinRequests)
  }

  /** Lets a guest in (owner). Without a request id: the only one who waits at that link. */
  approve(linkUrl: string, requestId?: string | undefined): Promise<Approval> {
    return this.#ask(this.#sibling('approval'), isApproval, { json: { link: linkUrl, request_id: requestId } })
  }

  /** Turns a guest away, also one who is in (owner). Without a request id: the only one who waits at that link. */
  decline(linkUrl: string, requestId?: string | undefined): Promise<Approval> {
    return this.#ask(this.#sibling('approval'), isApproval, {
      json: { link: linkUrl, request_id: requestId, approval_status: false }
    })
  }

  /** Ends the chat for everybody; nothing of it is left (owner). */
  async close(): Promise<void> {
    await send(this.url, { ...this.#options, user: this.userId, method: 'DELETE' })
  }

  #ask<Answer>(
    url: string,
    isAnswer: Check<Answer>,
    more: { json?: unknown; headers?: Record<string, string> } = {}
  ): Promise<Answer> {
    return ask(url, isAnswer, { ...this.#options, user: this.userId, ...more })
  }

  #sibling(noun: string): string {
    return this.url.replace(/\/chats\/[^/]*$/, `/${noun}`)
  }
}

/** Somebody at the door. */
export class Guest {
  readonly link: string
  /** Secret: the way back to this request, and into the chat. */
  readonly clientId: string
  /** Public: what to tell the owner over another channel. */
  readonly requestId: string
  readonly #options: ClientOptions

  constructor(linkUrl: string, clientId: string, requestId: string, options: ClientOptions = {}) {
    this.link = bare(linkUrl)
    this.clientId = clientId
    this.requestId = requestId
    this.#options = options
  }

  /** The present state of the request. */
  state(): Promise<Exchange> {
    return this.#state(this.#options)
  }

  /** Takes the request back, or leaves the chat. */
  async leave(): Promise<void> {
    await send(`${this.link}/request`, { ...this.#options, user: this.clientId, method: 'DELETE' })
  }

  /** @deprecated Use `waitUntilAdmitted`; this name goes with the next version. */
  admitted(options: FollowOptions = {}): Promise<Chat> {
    return this.waitUntilAdmitted(options)
  }

  /**
   * Waits at the door until the owner has decided, over as many connections as it takes.
   * @throws SillyChatError if the answer is no, or the link or the chat has ended
   * @throws RequestError if something answers that is no such stream
   * @throws the signal's reason once it is aborted
   */
  async waitUntilAdmitted(options: FollowOptions = {}): Promise<Chat> {
    const all = over(this.#options, options)
    for (let attempt = 0; ; attempt++) {
      const chat = (await this.#awaitDecision(all)) ?? (await this.#decided(all))
      if (chat !== undefined) return new Chat(chat, this.clientId, this.#options)
      // Neither yes nor no: the stream has ended without a decision, or the state could not be read.
      await pause(Math.min(DECISION_RETRY_MS * 2 ** attempt, MAX_DECISION_RETRY_MS), all.signal)
    }
  }

  /** The chat, if the stream says yes. Whatever else it says may have changed by now. */
  async #awaitDecision(options: FollowOptions): Promise<string | undefined> {
    const events = follow(`${this.link}/events`, this.clientId, options, {
      read: readApproval,
      isLast: ({ state }) => state !== 'pending',
      // Something on the way may let no stream through.
      isOver: async () => (await this.#decided(options)) !== undefined
    })
    for await (const { chat } of events) if (chat !== null) return chat
    return undefined
  }

  /** The chat, if the answer is yes by now: an owner may approve a declined guest at once. */
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
    return ask(this.link, isExchange, { fetch, signal, user: this.clientId })
  }
}

/**
 * Makes a chat and becomes its owner.
 * @throws SillyChatError if it is refused
 * @throws RequestError if the URL leads to no Silly Chat server, or none answers
 */
export async function createChat(server: string, options: ClientOptions = {}): Promise<Chat> {
  const url = `${server.replace(/\/+$/, '')}/v1/chats`
  const { chat, author_id } = await ask(url, isNewChat, { ...options, json: {} })
  return new Chat(chat, author_id, options)
}

/**
 * Opens a link as somebody new, which knocks at the door.
 * @throws SillyChatError if it is refused
 * @throws RequestError if the URL is no link of a Silly Chat server, or none answers
 */
export async function knock(
  linkUrl: string,
  { name, ...options }: ClientOptions & { name?: string | undefined } = {}
): Promise<Guest> {
  const url = parseUrl(linkUrl)
  if (name !== undefined) url.searchParams.set('name', name)
  const { client_id, request_id, link } = await ask(url.href, isExchange, options)
  if (typeof client_id !== 'string' || typeof request_id !== 'string') {
    const advice = 'The server made no join request. Take the user id out of the query of the link.'
    throw new RequestError('unexpected-response', advice)
  }
  return new Guest(link, client_id, request_id, options)
}

/** Without what a server ignores, so that a path can be put behind it. */
function bare(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/+$/, '')
}

function readChatEvent({ event = 'message', id, data }: EventSourceMessage): ChatEvent | undefined {
  const value = { event, data: parseJson(data), ...(id !== undefined && { id: idOf(id) }) }
  return isChatEvent(value) ? value : undefined
}

/** Not a number for what is no event id. */
function idOf(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
}

function readApproval({ event, data }: EventSourceMessage): ApprovalEventData | undefined {
  const value = parseJson(data)
  return event === 'approval' && isApprovalEventData(value) ? value : undefined
}

/** `crypto.randomUUID` is not there on a page that came by plain http. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
