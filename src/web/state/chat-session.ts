/**
 * One chat as this tab sees it. What was said and who has asked is read once; what happens after that comes from the live
 * stream, which one tab has open for all (`tabs.ts`). Events are numbered, so whatever comes twice is seen once.
 */
import { batch, computed, signal } from '@preact/signals'
import { Chat, type ChatEvent, type JoinRequest, type Message, SillyChatError } from '../../client/index.ts'
import { Outbox } from './outbox.ts'
import { exclusively, telephone } from './tabs.ts'

/** How the chat stands to this person. */
export type Standing = 'loading' | 'in' | 'not-in' | 'removed' | 'left' | 'closed'

/** Whether what is shown is up to date. */
export type Line = 'connecting' | 'live' | 'lost'

type News =
  | { readonly event: ChatEvent }
  | { readonly line: Line }
  | { readonly standing: Standing }
  | { readonly ask: true }

export class ChatSession {
  readonly chat: Chat
  readonly outbox: Outbox
  readonly standing = signal<Standing>('loading')
  readonly line = signal<Line>('connecting')
  readonly isOwner = signal(false)
  readonly messages = signal<readonly Message[]>([])
  /** By request id, oldest first. */
  readonly requests = signal<ReadonlyMap<string, JoinRequest>>(new Map())
  readonly waiting = computed(() => [...this.requests.value.values()].filter(({ state }) => state === 'pending'))
  /** The newest event id that this tab has seen. */
  #level = 0
  /** Told while the chat was still being read. */
  #early: ChatEvent[] | undefined = []
  readonly #stop = new AbortController()
  readonly #tell: (news: News) => void

  constructor(url: string, path: string, userId: string) {
    const { signal: stopped } = this.#stop
    this.chat = new Chat(url, userId, { signal: stopped })
    this.#tell = telephone<News>(`silly-chat:${path}:${userId}`, stopped, (news) => this.#hear(news))
    this.outbox = new Outbox(this.chat, path, stopped, (message) => this.#add([message]))
    this.#begin(path, userId).catch((error: unknown) => this.#fail(error))
  }

  end(): void {
    this.#stop.abort()
  }

  async #begin(path: string, userId: string): Promise<void> {
    await this.#read()
    this.#tell({ ask: true })
    exclusively(`silly-chat:stream:${path}:${userId}`, this.#stop.signal, () => this.#follow())
  }

  /** Reads everything, again and again while the network is away. */
  async #read(): Promise<void> {
    for (;;) {
      try {
        const [{ messages, last_event_id }, asked] = await Promise.all([this.chat.read(), this.#readRequests()])
        batch(() => {
          this.messages.value = messages
          this.isOwner.value = asked !== undefined
          this.requests.value = new Map(asked?.map((one) => [one.request_id, one]))
          this.#level = last_event_id
          this.standing.value = 'in'
          const early = this.#early ?? []
          this.#early = undefined
          for (const event of early) this.#apply(event)
        })
        return
      } catch (error) {
        if (error instanceof SillyChatError && error.status < 500) throw error
        this.#stop.signal.throwIfAborted()
        this.line.value = 'lost'
        await new Promise((resolve) => setTimeout(resolve, 2000))
      }
    }
  }

  /** Undefined for who is not the owner. */
  async #readRequests(): Promise<readonly JoinRequest[] | undefined> {
    try {
      return (await this.chat.joinRequests()).join_requests
    } catch (error) {
      if (error instanceof SillyChatError && error.status === 403) return undefined
      throw error
    }
  }

  /** This tab has the stream, for all. */
  async #follow(): Promise<void> {
    try {
      for (;;) {
        for await (const event of this.chat.events({
          after: this.#level,
          onState: (state) => this.#share({ line: state === 'open' ? 'live' : 'lost' })
        })) {
          this.#share({ event })
          if (event.event === 'reset') break
          if (event.event === 'closed') return
        }
        await this.#read()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #share(news: News): void {
    this.#tell(news)
    this.#hear(news)
  }

  #hear(news: News): void {
    if ('ask' in news) {
      if (this.line.value !== 'connecting') this.#tell({ line: this.line.value })
    } else if ('line' in news) this.line.value = news.line
    else if ('standing' in news) this.standing.value = news.standing
    else if (this.#early !== undefined) this.#early.push(news.event)
    else batch(() => this.#apply(news.event))
  }

  #apply(event: ChatEvent): void {
    switch (event.event) {
      case 'message':
        this.#add([event.data])
        break
      case 'join_request':
      case 'join_approved':
      case 'join_declined':
      case 'join_closed':
        // Repeats of what is still pending have no id and tell nothing old.
        if (event.id !== undefined && event.id <= this.#level) return
        this.requests.value = new Map(this.requests.value).set(event.data.request_id, event.data)
        break
      case 'closed':
        this.standing.value = event.data.reason === 'chat_closed' ? 'closed' : event.data.reason
        break
      case 'ready':
        this.line.value = 'live'
        break
      case 'reset':
        break
    }
    if ('id' in event && event.id !== undefined) this.#level = Math.max(this.#level, event.id)
  }

  /** Adds messages that are not there yet, in the order of their ids. */
  #add(news: readonly Message[]): void {
    const { value } = this.messages
    const last = value.at(-1)?.id ?? 0
    const known = new Set(value.slice(-50).map(({ id }) => id))
    const fresh = news.filter(({ id }) => id > last || (!known.has(id) && id > (value.at(-50)?.id ?? 0)))
    if (fresh.length === 0) return
    const all = [...value, ...fresh]
    this.messages.value = fresh.every(({ id }) => id > last) ? all : all.sort((one, other) => one.id - other.id)
  }

  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return
    const standing = standingAfter(error)
    if (standing === undefined) throw error
    this.#share({ standing })
  }
}

function standingAfter(error: unknown): Standing | undefined {
  if (!(error instanceof SillyChatError)) return undefined
  if (error.status === 404) return 'closed'
  return error.status === 401 || error.status === 403 ? 'not-in' : undefined
}
