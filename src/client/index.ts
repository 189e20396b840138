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
 *     const chat = await guest.admitted()
 *     await chat.post('Ana: hello')
 */
import type { z } from 'zod'
import type { approval } from '../schemas/approval.ts'
import type { message, messages, newChat } from '../schemas/chats.ts'
import type { joinRequests } from '../schemas/join-requests.ts'
import type { exchange, link, links } from '../schemas/links.ts'
import type { approvalEventData, chatEvents } from '../schemas/streams.ts'
import { type FollowOptions, follow } from './events.ts'
import { ask, type ClientOptions, isPassing, pause, SillyChatError, send } from './http.ts'

export { type ClientOptions, type FollowOptions, isPassing, SillyChatError }

export type Message = z.output<typeof message>
export type Messages = z.output<typeof messages>
export type Link = z.output<typeof link>
export type Links = z.output<typeof links>
export type JoinRequests = z.output<typeof joinRequests>
export type Approval = z.output<typeof approval>
export type Exchange = z.output<typeof exchange>
export type JoinRequest = JoinRequests['join_requests'][number]
export type ChatEvent = z.output<typeof chatEvents>[number]
type ApprovalEventData = z.output<typeof approvalEventData>

const EVENTS: readonly string[] = [
  'message',
  'join_request',
  'join_approved',
  'join_declined',
  'join_closed',
  'ready',
  'reset',
  'closed'
] satisfies ChatEvent['event'][]

/** How often a post is sent again before it counts as failed. */
const POST_ATTEMPTS = 6
const POST_RETRY_MS = 500

/** A chat as one of its members sees it; the owner can do more. */
export class Chat {
  /** Secret. */
  readonly url: string
  /** The `author_id` or `client_id` of who this is. Secret. */
  readonly userId: string
  readonly #options: ClientOptions

  constructor(url: string, userId: string, options: ClientOptions = {}) {
    this.url = url
    this.userId = userId
    this.#options = options
  }

  /**
   * Posts a message, again and again until it is answered: it is said once, however often it had to be sent. `attempts`
   * limits how often that is.
   * @throws SillyChatError if it is refused; what fetch throws if it never arrives
   */
  async post(
    text: string,
    idempotencyKey: string = randomKey(),
    { attempts = POST_ATTEMPTS }: { attempts?: number } = {}
  ): Promise<Message> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#ask(this.url, { json: { text }, headers: { 'idempotency-key': idempotencyKey } })
      } catch (error) {
        if (!isPassing(error) || attempt >= attempts) throw error
        const asked = error instanceof SillyChatError ? error.retryAfterMs : undefined
        await pause(asked ?? POST_RETRY_MS * attempt, this.#options.signal)
      }
    }
  }

  /** The messages after an event id; `wait` seconds for one if there is none. */
  read(page: { after?: number; limit?: number; wait?: number } = {}): Promise<Messages> {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(page)) query.set(name, `${value}`)
    return this.#ask(`${this.url}?${query}`)
  }

  /**
   * What happens, as it happens, over as many connections as it takes: each event once and in order. With `after` it
   * begins behind that event (0: at the beginning), without with what is new. After a `reset` read the chat again.
   * `closed` is the last event.
   * @throws SillyChatError if the right to read has ended meanwhile; the signal's reason once it is aborted
   */
  async *events({
    after,
    ...options
  }: FollowOptions & { after?: number } = {}): AsyncGenerator<ChatEvent, void, undefined> {
    const cursor = after === undefined ? undefined : `${after}`
    const all = { ...this.#options, ...options }
    for await (const { event = 'message', id, data } of follow(
      `${this.url}/events`,
      this.userId,
      all,
      cursor,
      isClosed
    )) {
      if (!EVENTS.includes(event)) continue
      const read: ChatEvent = JSON.parse(`{"event":"${event}","data":${data}${id === undefined ? '' : `,"id":${id}`}}`)
      yield read
    }
  }

  /** Makes a link to this chat, for so many seconds and so many guests at the same time, if that is said. */
  invite({ expiresIn, maxGuests }: { expiresIn?: number; maxGuests?: number } = {}): Promise<Link> {
    return this.#ask(this.#sibling('links'), {
      json: { chat: this.url, expires_in: expiresIn, max_guests: maxGuests }
    })
  }

  /** Which links lead here, and who waits and is in through each (owner). */
  links(): Promise<Links> {
    return this.#ask(`${this.url}/links`)
  }

  /** Nobody new comes in through that link (owner). */
  async revoke(linkUrl: string): Promise<void> {
    await send(linkUrl, { ...this.#options, user: this.userId, method: 'DELETE' })
  }

  /** Who has asked (owner). */
  joinRequests(): Promise<JoinRequests> {
    return this.#ask(`${this.url}/join-requests`)
  }

  /** Lets a guest in (owner). Without a request id: the only one who waits at that link. */
  approve(linkUrl: string, requestId?: string): Promise<Approval> {
    return this.#ask(this.#sibling('approval'), { json: { link: linkUrl, request_id: requestId } })
  }

  /** Turns a guest away, also one who is in (owner). Without a request id: the only one who waits at that link. */
  decline(linkUrl: string, requestId?: string): Promise<Approval> {
    return this.#ask(this.#sibling('approval'), {
      json: { link: linkUrl, request_id: requestId, approval_status: false }
    })
  }

  /** Ends the chat for everybody; nothing of it is left (owner). */
  async close(): Promise<void> {
    await send(this.url, { ...this.#options, user: this.userId, method: 'DELETE' })
  }

  #ask<Answer>(url: string, more: { json?: unknown; headers?: Record<string, string> } = {}): Promise<Answer> {
    return ask(url, { ...this.#options, user: this.userId, ...more })
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
    this.link = linkUrl
    this.clientId = clientId
    this.requestId = requestId
    this.#options = options
  }

  /** The present state of the request. */
  state(): Promise<Exchange> {
    return ask(this.link, { ...this.#options, user: this.clientId })
  }

  /** Takes the request back, or leaves the chat. */
  async leave(): Promise<void> {
    await send(`${this.link}/request`, { ...this.#options, user: this.clientId, method: 'DELETE' })
  }

  /**
   * Waits at the door until the owner has decided, over as many connections as it takes.
   * @throws SillyChatError if the answer is no; the signal's reason once it is aborted
   */
  async admitted(options: FollowOptions = {}): Promise<Chat> {
    const all = { ...this.#options, ...options }
    for await (const { data } of follow(`${this.link}/events`, this.clientId, all, undefined, isDecision)) {
      const { chat }: ApprovalEventData = JSON.parse(data)
      if (chat !== null) return new Chat(chat, this.clientId, this.#options)
    }
    // The answer was no: the exchange says why.
    await this.state()
    throw new TypeError('the stream of the link has ended without a decision')
  }
}

/** Makes a chat and becomes its owner. */
export async function createChat(server: string, options: ClientOptions = {}): Promise<Chat> {
  const { chat, author_id } = await ask<z.output<typeof newChat>>(`${server.replace(/\/+$/, '')}/v1/chats`, {
    ...options,
    json: {}
  })
  return new Chat(chat, author_id, options)
}

/** Opens a link as somebody new, which knocks at the door. */
export async function knock(
  linkUrl: string,
  { name, ...options }: ClientOptions & { name?: string } = {}
): Promise<Guest> {
  const url = new URL(linkUrl)
  if (name !== undefined) url.searchParams.set('name', name)
  const { client_id, request_id, link } = await ask<Exchange>(url.href, options)
  if (client_id === null || request_id === null) throw new TypeError('the server made no join request')
  return new Guest(link, client_id, request_id, options)
}

function isDecision({ id }: { id?: string | undefined }): boolean {
  return id !== 'pending'
}

function isClosed({ event }: { event?: string | undefined }): boolean {
  return event === 'closed'
}

/** `crypto.randomUUID` is not there on a page that came by plain http. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
