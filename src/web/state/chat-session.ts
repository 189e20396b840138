/**
 * The state of one chat in this tab. It reads the latest messages and the join requests once, and older messages on
 * demand; everything later comes from the live stream, which one tab follows for all tabs (`tabs.ts`). Events have ids, so
 * duplicates are recognized.
 */
import { batch, computed, signal } from '@preact/signals'
import {
  Chat,
  type ChatEvent,
  type JoinRequest,
  type JoinRequests,
  type Message,
  SillyChatError
} from '../../client/index.ts'
import { isRefusal, isTransient } from './errors.ts'
import { Outbox } from './outbox.ts'
import { SentIds } from './sent-ids.ts'
import { openBroadcast, pause, withLock, withStreamSlot } from './tabs.ts'

/** Whether this person is a member of the chat. */
export type ChatStatus = 'loading' | 'in' | Ending
export type Ending = 'removed' | 'left' | 'closed'

/** The state of the connection; `broken` after an error of the page itself, until it is reloaded. */
export type Line = 'connecting' | 'live' | 'lost' | 'broken'

type TabMessage =
  | { readonly event: ChatEvent }
  | { readonly line: Line }
  | { readonly ending: Ending }
  | { readonly sent: Message }
  /** A visible tab asks for the state of the connection. */
  | { readonly ask: true }

/** The number of messages that one request reads. */
const PAGE_SIZE = 200
const RETRY_MS = 2000

export class ChatSession {
  readonly chat: Chat
  readonly outbox: Outbox
  readonly sentIds: SentIds
  readonly status = signal<ChatStatus>('loading')
  readonly line = signal<Line>('connecting')
  readonly isOwner = signal(false)
  /** All messages from the oldest one read to the newest, without a gap. */
  readonly messages = signal<readonly Message[]>([])
  /** Whether there are messages before these. */
  readonly hasOlder = signal(false)
  /** By request id, oldest first. */
  readonly requests = signal<ReadonlyMap<string, JoinRequest>>(new Map())
  readonly waiting = computed(() => [...this.requests.value.values()].filter(({ state }) => state === 'pending'))
  /** Called for each new message of others, and for each new knock. */
  onMessage: () => void = () => {}
  onKnock: (request: JoinRequest) => void = () => {}
  /** The newest event id that this tab has received. */
  #receivedUpTo = 0
  /** Events that arrive while the chat is being read; otherwise undefined. */
  #early: ChatEvent[] | undefined
  #isReadingOlder = false
  #resetIsRead: Promise<void> = Promise.resolve()
  readonly #stop = new AbortController()
  /** Aborts the current connection. */
  #attempt = new AbortController()
  readonly #broadcast: (message: TabMessage) => void

  constructor(url: string, path: string, userId: string) {
    const { signal: stop } = this.#stop
    this.chat = new Chat(url, userId, { signal: stop })
    this.sentIds = new SentIds(path)
    this.#broadcast = openBroadcast<TabMessage>(`silly-chat:${path}:${userId}`, stop, (message) =>
      this.#receive(message)
    )
    this.outbox = new Outbox(this.chat, path, stop, (message) => this.#share({ sent: message }), this.#onPageError)
    stop.addEventListener('abort', () => this.#attempt.abort(), { once: true })
    addEventListener('offline', () => this.#attempt.abort(), { signal: stop })
    addEventListener('online', () => this.#hurry(), { signal: stop })
    const onVisibilityChange = (): void => {
      if (document.visibilityState === 'visible') this.#hurry()
    }
    document.addEventListener('visibilitychange', onVisibilityChange, { signal: stop })
    this.#begin(`silly-chat:stream:${path}:${userId}`).catch(this.#onPageError)
  }

  end(): void {
    this.#stop.abort()
  }

  /** Notifies the other tabs that this person has left. Otherwise the server's refusal would look like a removal to them. */
  announceLeaving(): void {
    this.#broadcast({ ending: 'left' })
  }

  /** Fetches older messages. */
  async older(): Promise<void> {
    const [oldest] = this.messages.value
    if (this.#isReadingOlder || !this.hasOlder.value || oldest === undefined) return
    this.#isReadingOlder = true
    try {
      const { messages, has_more } = await this.chat.read({ last: PAGE_SIZE, before: oldest.id })
      // After a reset, the chat was read again meanwhile.
      if (this.messages.value[0]?.id !== oldest.id) return
      batch(() => {
        this.messages.value = [...messages, ...this.messages.value]
        this.hasOlder.value = has_more
      })
    } catch (error) {
      // After a transient error, scrolling on calls this again.
      if (isRefusal(error)) this.#fail(error)
      else if (!this.#stop.signal.aborted && !isTransient(error)) this.#onPageError(error)
    } finally {
      this.#isReadingOlder = false
    }
  }

  async #begin(lock: string): Promise<void> {
    await this.#read()
    this.#broadcast({ ask: true })
    await withLock(lock, this.#stop.signal, async () => {
      await withStreamSlot(
        this.#stop.signal,
        () => this.#poll(),
        () => this.#follow()
      ).catch((error: unknown) => this.#fail(error))
    })
  }

  /** Reads the chat; retries while the network is down. */
  async #read(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#early ??= []
      const attempt = this.#newAttempt()
      try {
        const chat = new Chat(this.chat.url, this.chat.userId, { signal: attempt.signal })
        const [joinRequests, { messages, last_event_id, has_more }] = await Promise.all([
          this.#readRequests(chat),
          chat.read({ last: PAGE_SIZE })
        ])
        batch(() => {
          this.#receivedUpTo = Math.min(joinRequests?.last_event_id ?? last_event_id, last_event_id)
          this.messages.value = messages
          this.hasOlder.value = has_more
          this.isOwner.value = joinRequests !== undefined
          this.requests.value = new Map(joinRequests?.join_requests.map((one) => [one.request_id, one]))
          this.status.value = 'in'
          const early = this.#early ?? []
          this.#early = undefined
          for (const event of early) this.#apply(event)
        })
        return
      } catch (error) {
        if (this.#stop.signal.aborted || !canRetry(error, attempt)) return this.#fail(error)
        this.line.value = 'lost'
        // The other request can still be in progress.
        attempt.abort()
        await pause(RETRY_MS)
      }
    }
  }

  /** Returns undefined if this person is not the owner. */
  async #readRequests(chat: Chat): Promise<JoinRequests | undefined> {
    try {
      return await chat.joinRequests()
    } catch (error) {
      if (error instanceof SillyChatError && error.kind === 'not-the-owner') return undefined
      throw error
    }
  }

  /** For a tab without a stream: fetches new events and shares them as a stream would. */
  async #poll(): Promise<undefined> {
    try {
      const { messages, last_event_id } = await this.chat.read({ after: this.#receivedUpTo })
      for (const data of messages) this.#share({ event: { event: 'message', id: data.id, data } })
      const joinRequests = this.isOwner.value ? await this.#readRequests(this.chat) : undefined
      for (const data of joinRequests?.join_requests ?? []) this.#share({ event: { event: eventOf(data), data } })
      this.#share({ event: { event: 'ready', id: last_event_id, data: { last_event_id } } })
    } catch (error) {
      if (!isTransient(error)) throw error
      if (isUnknownCursor(error)) {
        this.#share({ event: { event: 'reset', data: { reason: error.problem.detail, last_event_id: 0 } } })
        await this.#resetIsRead
      } else this.#share({ line: 'lost' })
    }
  }

  /** Follows the stream for all tabs. */
  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const attempt = this.#newAttempt()
      try {
        for await (const event of this.chat.events({
          after: this.#receivedUpTo,
          signal: attempt.signal,
          onState: (state) => this.#share({ line: state === 'open' ? 'live' : 'lost' })
        })) {
          this.#share({ event })
          if (event.event === 'reset') break
        }
        await this.#resetIsRead
      } catch (error) {
        if (!canRetry(error, attempt)) throw error
        this.#share({ line: 'lost' })
        if (!attempt.signal.aborted) await pause(RETRY_MS)
      }
    }
  }

  #newAttempt(): AbortController {
    this.#attempt = new AbortController()
    if (this.#stop.signal.aborted) this.#attempt.abort()
    return this.#attempt
  }

  /** Skips the rest of a retry pause: the network is back, or the tab has become visible. */
  #hurry(): void {
    if (this.line.value !== 'lost') return
    this.#attempt.abort()
    this.#broadcast({ ask: true })
  }

  #share(message: TabMessage): void {
    this.#broadcast(message)
    this.#receive(message)
  }

  #receive(message: TabMessage): void {
    if (isEnding(this.status.value)) return
    if ('ask' in message) {
      if (this.line.value === 'lost') this.#attempt.abort()
      else if (this.line.value === 'live') this.#broadcast({ line: 'live' })
    } else if ('line' in message) this.line.value = message.line
    else if ('ending' in message) this.#end(message.ending)
    else if ('sent' in message) {
      this.sentIds.add(message.sent.id)
      this.#add(message.sent)
    } else if ('event' in message) {
      if (this.#early !== undefined) this.#early.push(message.event)
      else batch(() => this.#apply(message.event))
    }
  }

  #apply(event: ChatEvent): void {
    switch (event.event) {
      case 'message':
        if (this.#add(event.data) && !this.sentIds.ids.value.has(event.id)) this.onMessage()
        break
      case 'join_request':
      case 'join_approved':
      case 'join_declined':
      case 'join_closed':
        if (event.id === undefined || event.id > this.#receivedUpTo) this.#updateRequest(event.data)
        break
      case 'closed':
        this.#end(event.data.reason === 'chat_closed' ? 'closed' : event.data.reason)
        break
      case 'ready':
        this.line.value = 'live'
        break
      case 'reset':
        this.#resetIsRead = this.#read().catch(this.#onPageError)
        return
    }
    if ('id' in event && event.id !== undefined) this.#receivedUpTo = Math.max(this.#receivedUpTo, event.id)
  }

  #updateRequest(request: JoinRequest): void {
    const before = this.requests.value.get(request.request_id)
    this.requests.value = new Map(this.requests.value).set(request.request_id, request)
    if (before === undefined && request.state === 'pending') this.onKnock(request)
  }

  /** Inserts a message in the order of the ids; returns false if it is a duplicate. */
  #add(message: Message): boolean {
    const before = this.messages.value
    const [oldest] = before
    // The messages between this one and the oldest one are missing, so `older` will read it with them.
    if (this.hasOlder.value && oldest !== undefined && message.id < oldest.id) return false
    let at = before.length
    while (at > 0 && (before[at - 1]?.id ?? 0) > message.id) at--
    if (before[at - 1]?.id === message.id) return false
    this.messages.value = [...before.slice(0, at), message, ...before.slice(at)]
    return true
  }

  #end(ending: Ending): void {
    this.status.value = ending
    this.#stop.abort()
  }

  /** An error of the page itself: it is reported, and the person sees that the page no longer works. */
  readonly #onPageError = (error: unknown): void => {
    reportError(error)
    this.line.value = 'broken'
  }

  /** Ends the session if the server has refused access; throws any other error. */
  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return
    if (!isRefusal(error)) throw error
    this.#share({ ending: error.status === 404 ? 'closed' : 'removed' })
  }
}

export function isEnding(status: ChatStatus): status is Ending {
  return status !== 'loading' && status !== 'in'
}

/** Whether to make another attempt: this one was aborted for that purpose, or the error is transient. */
function canRetry(error: unknown, attempt: AbortController): boolean {
  return attempt.signal.aborted ? !isRefusal(error) : isTransient(error)
}

function isUnknownCursor(error: unknown): error is SillyChatError {
  return error instanceof SillyChatError && error.kind === 'cursor-unknown'
}

function eventOf({ state }: JoinRequest): 'join_request' | 'join_approved' | 'join_declined' | 'join_closed' {
  return state === 'pending' ? 'join_request' : `join_${state}`
}
