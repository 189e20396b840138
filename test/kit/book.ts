/** What the actors of a chat write down: what each sent, what was acknowledged and what each received. */
import { createHash } from 'node:crypto'
import type { Chat, ChatEvent, Message } from '../../dist/client/index.js'

export interface ChatBook {
  readonly name: string
  readonly owner: Chat
  readonly posts: PostBook[]
  readonly readers: ReaderBook[]
  readonly guests: GuestBook[]
  readonly links: LinkBook[]
  /** Chats that somebody made meanwhile and closed or not. */
  readonly others: { readonly chat: Chat; statuses: number[] }[]
  /** The ids of the requests whose approval was acknowledged; of some the answer came to the first request for it. */
  readonly approved: Map<string, 'at once' | 'later'>
  /** When a server was killed. */
  readonly kills: readonly number[]
  /** Whether a store that was started again may leave out ids. */
  readonly mayJump: boolean
  /** The highest event id that anybody knows. */
  newest: number
  readonly counts: {
    acknowledged: number
    /** Posts refused because the store could not be reached, and not answered at all. */
    refused: number
    lost: number
    /** The longest wait for the answer to a post. */
    slowestMs: number
  }
  /** What should not have happened to an actor. */
  readonly trouble: string[]
}

export interface PostBook {
  readonly label: string
  readonly digest: string
  /** The highest event id that anybody knew when it was sent first. */
  readonly after: number
  /** The event id that the answers named; none: no answer came. */
  id?: number
  /** Sends it again with the same key; until it is acknowledged. */
  repeat?: (() => Promise<Message>) | undefined
}

export interface ReaderBook {
  readonly name: string
  readonly isOwner: boolean
  /** The event after which it began; unknown until its first `ready` if it asked for new events only. */
  start: number | undefined
  readonly received: Entry[]
  /** The highest event id received. */
  newest: number
  connections: number
}

/** One event, of a log or as a reader received it. */
export interface Entry {
  readonly event: string
  readonly id: number | undefined
  /** Of its data: bodies of megabytes need not be kept. */
  readonly digest: string
}

export interface GuestBook {
  /** Unique in the chat. */
  readonly name: string
  /** Once its knock was answered. */
  requestId?: string
  /** Its way into the chat, once it was notified that it is in. */
  chat?: Chat
  /** How its membership was ended, and whether that was acknowledged. */
  ending?: { readonly state: 'closed' | 'declined'; isSure: boolean }
  readonly cameAt: number
  /** When its connection ended before an answer that was not due yet. */
  goneAt?: number
  connections: number
}

export interface LinkBook {
  readonly url: string
  /** It is in one of these. */
  states: ('open' | 'revoked')[]
}

/** How long the server may take to see that a guest has disconnected: an approval in between may have been handed over. */
export const DISCONNECT_MS = 2000

/** The same where a server has just started and everybody comes at once. */
const BUSY_MS = 6000

/** A server that is killed does not see who disconnects then, and the next does not know that anybody was there. */
export function isUnseen({ kills }: ChatBook, { cameAt, goneAt = cameAt }: GuestBook): boolean {
  return kills.some((killed) => killed >= cameAt && killed <= goneAt + BUSY_MS)
}

export function newReader(name: string, start: number | undefined, isOwner = false): ReaderBook {
  return { name, isOwner, start, received: [], newest: start ?? 0, connections: 0 }
}

/** URLs in events are on the base of the reader's own request, so their base does not count. */
export function entryOf(event: ChatEvent): Entry {
  const body = JSON.stringify(event.data).replace(/http:\/\/(127\.0\.0\.1|localhost):\d+/g, '')
  return { event: event.event, id: 'id' in event ? event.id : undefined, digest: digestOf(body) }
}

export function receive(book: ChatBook, reader: ReaderBook, event: ChatEvent): void {
  const entry = entryOf(event)
  reader.received.push(entry)
  if (entry.event === 'ready') reader.start ??= entry.id
  reader.newest = Math.max(reader.newest, entry.id ?? 0)
  book.newest = Math.max(book.newest, reader.newest)
}

export function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('base64')
}
