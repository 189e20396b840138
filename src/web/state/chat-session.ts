/**
 * One chat as this tab sees it. The latest messages and who has asked are read once, older messages when they are looked
 * for; what happens after that comes from the live stream, which one tab has open for all (`tabs.ts`). Events are
 * numbered, so whatever comes twice is seen once.
 */
import { batch, computed, signal } from '@preact/signals'
import {
  Chat,
  type ChatEvent,
  type JoinRequest,
  type JoinRequests,
  type Message,
  type Messages,
  SillyChatError
} from '../../client/index.ts'
import { isOfTheWay, isRefusal } from './errors.ts'
import { Outbox } from './outbox.ts'
import { SentIds } from './sent-ids.ts'
import { openBroadcast, pause, withLock, withStreamSlot } from './tabs.ts'

/** How the chat stands to this person. */
export type Standing = 'loading' | 'in' | Ending
export type Ending = 'removed' | 'left' | 'closed'

/** Whether what is shown is up to date; `broken` for ever, by a fault of the page's own. */
export type Line = 'connecting' | 'live' | 'lost' | 'broken'

type TabMessage =
  | { readonly event: ChatEvent }
  | { readonly line: Line }
  | { readonly ending: Ending }
  | { readonly sent: Message }
  /** From a tab that one looks at: how is the line? */
  | { readonly ask: true }

/** How many event ids back is read at a time; about as many messages. */
const PAGE = 200
const RETRY_MS = 2000

export class ChatSession {
  readonly chat: Chat
  readonly outbox: Outbox
  readonly sentIds: SentIds
  readonly standing = signal<Standing>('loading')
  readonly line = signal<Line>('connecting')
  readonly isOwner = signal(false)
  /** Without a gap, up to the newest. */
  readonly messages = signal<readonly Message[]>([])
  /** Whether there may be messages before these. */
  readonly hasOlder = signal(false)
  /** By request id, oldest first. */
  readonly requests = signal<ReadonlyMap<string, JoinRequest>>(new Map())
  readonly waiting = computed(() => [...this.requests.value.values()].filter(({ state }) => state === 'pending'))
  /** Told of what others say and of who knocks, as it happens. */
  onMessage: () => void = () => {}
  onKnock: (request: JoinRequest) => void = () => {}
  /** The newest event id that this tab has seen. */
  #level = 0
  /** Messages up to this event id have not been read. */
  #unreadUpTo = 0
  /** Told while the chat is being read. */
  #early: ChatEvent[] | undefined
  #isReadingOlder = false
  #resetIsRead: Promise<void> = Promise.resolve()
  readonly #stop = new AbortController()
  /** The connection under way, to be given up for another. */
  #attempt = new AbortController()
  readonly #tell: (news: TabMessage) => void

  constructor(url: string, path: string, userId: string) {
    const { signal: stop } = this.#stop
    this.chat = new Chat(url, userId, { signal: stop })
    this.sentIds = new SentIds(path)
    this.#tell = openBroadcast<TabMessage>(`silly-chat:${path}:${userId}`, stop, (news) => this.#hear(news))
    this.outbox = new Outbox(this.chat, path, stop, (message) => this.#share({ sent: message }), this.#break)
    stop.addEventListener('abort', () => this.#attempt.abort(), { once: true })
    addEventListener('offline', () => this.#attempt.abort(), { signal: stop })
    addEventListener('online', () => this.#hurry(), { signal: stop })
    const look = (): void => {
      if (document.visibilityState === 'visible') this.#hurry()
    }
    document.addEventListener('visibilitychange', look, { signal: stop })
    this.#begin(`silly-chat:stream:${path}:${userId}`).catch(this.#break)
  }

  end(): void {
    this.#stop.abort()
  }

  /** Tells the other tabs that this person has left. Without it they may ask the server first, and take it for a removal. */
  announceLeaving(): void {
    this.#tell({ ending: 'left' })
  }

  /** Reads some more of what was said before. */
  async older(): Promise<void> {
    if (this.#isReadingOlder || !this.hasOlder.value) return
    this.#isReadingOlder = true
    try {
      let found: readonly Message[] = []
      while (found.length === 0 && this.#unreadUpTo > 0) {
        const upTo = this.#unreadUpTo
        const after = Math.max(0, upTo - PAGE)
        const { messages } = await this.#readAfter(after, upTo - after)
        if (upTo !== this.#unreadUpTo) return
        this.#unreadUpTo = after
        found = messages.filter(({ id }) => id <= upTo)
      }
      batch(() => {
        this.messages.value = [...found, ...this.messages.value]
        this.hasOlder.value = this.#unreadUpTo > 0
      })
    } catch (error) {
      // What came between passes, and whoever scrolls on asks again.
      if (isRefusal(error)) this.#fail(error)
      else if (!this.#stop.signal.aborted && !isOfTheWay(error)) this.#break(error)
    } finally {
      this.#isReadingOlder = false
    }
  }

  async #begin(lock: string): Promise<void> {
    await this.#read()
    this.#tell({ ask: true })
    await withLock(lock, this.#stop.signal, async () => {
      await withStreamSlot(
        this.#stop.signal,
        () => this.#poll(),
        () => this.#follow()
      ).catch((error: unknown) => this.#fail(error))
    })
  }

  /** Reads what there is, again and again while the network is away. */
  async #read(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#early ??= []
      const attempt = this.#newAttempt()
      try {
        const [asked, newest] = await Promise.all([this.#readRequests(), this.#newestId(attempt.signal)])
        const { messages, last_event_id } = await this.#readAfter(Math.max(0, newest - PAGE))
        batch(() => {
          this.#unreadUpTo = Math.max(0, newest - PAGE)
          this.#level = Math.min(asked?.last_event_id ?? last_event_id, last_event_id)
          this.messages.value = messages
          this.hasOlder.value = this.#unreadUpTo > 0
          this.isOwner.value = asked !== undefined
          this.requests.value = new Map(asked?.join_requests.map((one) => [one.request_id, one]))
          this.standing.value = 'in'
          const early = this.#early ?? []
          this.#early = undefined
          for (const event of early) this.#apply(event)
        })
        return
      } catch (error) {
        if (this.#stop.signal.aborted || !mayPass(error, attempt)) return this.#fail(error)
        this.line.value = 'lost'
        // What was asked besides must not go on trying.
        attempt.abort()
        await pause(RETRY_MS)
      }
    }
  }

  /** Undefined for who is not the owner. */
  async #readRequests(): Promise<JoinRequests | undefined> {
    try {
      return await this.chat.joinRequests()
    } catch (error) {
      if (error instanceof SillyChatError && error.kind === 'not-the-owner') return undefined
      throw error
    }
  }

  /** The event id up to which there is something, without reading it. */
  async #newestId(signal: AbortSignal): Promise<number> {
    for await (const event of this.chat.events({ signal })) {
      if (event.event === 'ready') return event.data.last_event_id
    }
    return 0
  }

  /** Ids may have been skipped, so that a number in between is none that the log knows: then all is read. */
  async #readAfter(after: number, limit?: number): Promise<Messages> {
    try {
      return await this.chat.read(limit === undefined ? { after } : { after, limit })
    } catch (error) {
      if (!isUnknownCursor(error)) throw error
      const all = await this.chat.read()
      return { ...all, messages: all.messages.filter(({ id }) => id > after) }
    }
  }

  /** What is new, for a tab without a stream, told as a stream would. */
  async #poll(): Promise<undefined> {
    try {
      const { messages, last_event_id } = await this.chat.read({ after: this.#level })
      for (const data of messages) this.#share({ event: { event: 'message', id: data.id, data } })
      const asked = this.isOwner.value ? await this.#readRequests() : undefined
      for (const data of asked?.join_requests ?? []) this.#share({ event: { event: eventOf(data), data } })
      this.#share({ event: { event: 'ready', id: last_event_id, data: { last_event_id } } })
    } catch (error) {
      if (!isOfTheWay(error)) throw error
      if (isUnknownCursor(error)) {
        this.#share({ event: { event: 'reset', data: { reason: error.problem.detail, last_event_id: 0 } } })
        await this.#resetIsRead
      } else this.#share({ line: 'lost' })
    }
  }

  /** This tab has the stream, for all. */
  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const attempt = this.#newAttempt()
      try {
        for await (const event of this.chat.events({
          after: this.#level,
          signal: attempt.signal,
          onState: (state) => this.#share({ line: state === 'open' ? 'live' : 'lost' })
        })) {
          this.#share({ event })
          if (event.event === 'reset') break
        }
        await this.#resetIsRead
      } catch (error) {
        if (!mayPass(error, attempt)) throw error
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

  /** Tries at once where a longer pause would have been kept: there is a network again, or somebody looks. */
  #hurry(): void {
    if (this.line.value !== 'lost') return
    this.#attempt.abort()
    this.#tell({ ask: true })
  }

  #share(news: TabMessage): void {
    this.#tell(news)
    this.#hear(news)
  }

  #hear(news: TabMessage): void {
    if (isEnding(this.standing.value)) return
    if ('ask' in news) {
      if (this.line.value === 'lost') this.#attempt.abort()
      else if (this.line.value === 'live') this.#tell({ line: 'live' })
    } else if ('line' in news) this.line.value = news.line
    else if ('ending' in news) this.#end(news.ending)
    else if ('sent' in news) {
      this.sentIds.add(news.sent.id)
      this.#add(news.sent)
    } else if ('event' in news) {
      if (this.#early !== undefined) this.#early.push(news.event)
      else batch(() => this.#apply(news.event))
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
        if (event.id === undefined || event.id > this.#level) this.#note(event.data)
        break
      case 'closed':
        this.#end(event.data.reason === 'chat_closed' ? 'closed' : event.data.reason)
        break
      case 'ready':
        this.line.value = 'live'
        break
      case 'reset':
        this.#resetIsRead = this.#read().catch(this.#break)
        return
    }
    if ('id' in event && event.id !== undefined) this.#level = Math.max(this.#level, event.id)
  }

  #note(request: JoinRequest): void {
    const before = this.requests.value.get(request.request_id)
    this.requests.value = new Map(this.requests.value).set(request.request_id, request)
    if (before === undefined && request.state === 'pending') this.onKnock(request)
  }

  /** Adds a message in the order of the ids; false if it is there already. */
  #add(message: Message): boolean {
    if (message.id <= this.#unreadUpTo) return false
    const before = this.messages.value
    let at = before.length
    while (at > 0 && (before[at - 1]?.id ?? 0) > message.id) at--
    if (before[at - 1]?.id === message.id) return false
    this.messages.value = [...before.slice(0, at), message, ...before.slice(at)]
    return true
  }

  #end(ending: Ending): void {
    this.standing.value = ending
    this.#stop.abort()
  }

  /** A fault of this page's own: it is told, and the person sees that nothing more will come. */
  readonly #break = (error: unknown): void => {
    reportError(error)
    this.line.value = 'broken'
  }

  /** What was refused for good is over. */
  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return
    if (!isRefusal(error)) throw error
    this.#share({ ending: error.status === 404 ? 'closed' : 'removed' })
  }
}

export function isEnding(standing: Standing): standing is Ending {
  return standing !== 'loading' && standing !== 'in'
}

/** Whether another attempt may do better: this one was given up for it, or something came between. */
function mayPass(error: unknown, attempt: AbortController): boolean {
  return attempt.signal.aborted ? !isRefusal(error) : isOfTheWay(error)
}

function isUnknownCursor(error: unknown): error is SillyChatError {
  return error instanceof SillyChatError && error.kind === 'cursor-unknown'
}

function eventOf({ state }: JoinRequest): 'join_request' | 'join_approved' | 'join_declined' | 'join_closed' {
  return state === 'pending' ? 'join_request' : `join_${state}`
}
