/** The records of a chat's actors: what each sent, what was acknowledged, and what each received. */
import { createHash } from 'node:crypto'
import type { Chat, ChatEvent, Message } from '../../dist/client/index.js'

export interface ChatBook {
  readonly name: string
  readonly owner: Chat
  readonly posts: PostBook[]
  readonly readers: ReaderBook[]
  readonly guests: GuestBook[]
  readonly links: LinkBook[]
  /** Other chats that were created meanwhile. */
  readonly others: { readonly chat: Chat; statuses: number[] }[]
  /** The ids of the requests whose approval was acknowledged, and whether the first attempt was. */
  readonly approved: Map<string, 'at once' | 'later'>
  /** When a server was killed. */
  readonly kills: readonly number[]
  /** Whether ids can jump, because a store was started again. */
  readonly mayJump: boolean
  /** The highest known event id. */
  newest: number
  readonly counts: {
    acknowledged: number
    /** Posts that were refused because the store was unreachable, and posts without an answer (`lost`). */
    refused: number
    lost: number
    /** The slowest answer to a post. */
    slowestMs: number
  }
  /** Unexpected errors of actors. */
  readonly trouble: string[]
}

export interface PostBook {
  readonly label: string
  readonly digest: string
  /** The highest known event id when it was sent first. */
  readonly after: number
  /** The event id in the answers; undefined without an answer. */
  id?: number
  /** Sends it again with the same key; undefined once it is acknowledged. */
  repeat?: (() => Promise<Message>) | undefined
}

export interface ReaderBook {
  readonly name: string
  readonly sees: 'everything' | 'what members see' | 'messages'
  /** The event after which it started; undefined until its first `ready` if it wants new events only. */
  start: number | undefined
  readonly received: Entry[]
  /** The highest event id received. */
  newest: number
  connections: number
}

/** One event, of the log or of a reader. */
export interface Entry {
  readonly event: string
  readonly id: number | undefined
  /** The digest of its data, which can be megabytes. */
  readonly digest: string
}

export interface GuestBook {
  /** Unique in the chat. */
  readonly name: string
  /** Set once the knock was answered. */
  requestId?: string
  /** Set once the guest was notified of the approval. */
  chat?: Chat
  /** How the membership was ended, and whether that was acknowledged. */
  ending?: { readonly state: 'closed' | 'declined'; isSure: boolean }
  readonly cameAt: number
  /** When the guest disconnected before the answer was due. */
  goneAt?: number
  connections: number
}

export interface LinkBook {
  readonly url: string
  /** The possible states. */
  states: ('open' | 'revoked')[]
}

/** How long the server can take to see that a guest has disconnected: an approval in between can count as delivered. */
export const DISCONNECT_MS = 2000

/** The same if a server has just started and everybody connects at once. */
const BUSY_MS = 6000

/** Whether the guest disconnected while a server was killed, so that no server has seen it. */
export function isUnseen({ kills }: ChatBook, { cameAt, goneAt = cameAt }: GuestBook): boolean {
  return kills.some((killed) => killed >= cameAt && killed <= goneAt + BUSY_MS)
}

export function newReader(
  name: string,
  start: number | undefined,
  sees: ReaderBook['sees'] = 'what members see'
): ReaderBook {
  return { name, sees, start, received: [], newest: start ?? 0, connections: 0 }
}

/** URLs in events are on the base of the reader's request, so the base is removed. */
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
