/** What the actors write down: what each sent, was told and received. Compared with the log at the end. */
import { createHash } from 'node:crypto'
import type { Chat, ChatEvent } from '../../dist/client/index.js'

export interface ChatBook {
  /** As its owner reaches it through the proxy. */
  readonly owner: Chat
  readonly name: string
  readonly posts: PostBook[]
  readonly readers: ReaderBook[]
  readonly guests: GuestBook[]
  /** The ids of the requests that the owner was told are approved. */
  readonly approved: Set<string>
  /** When the server was killed. */
  readonly kills: number[]
  /** Whether ids may be left out. */
  mayJump: boolean
  /** What should not have happened to an actor. */
  readonly trouble: string[]
}

export interface PostBook {
  readonly label: string
  readonly digest: string
  /** The event id that the answers named; none: no answer came. */
  id?: number
}

export interface ReaderBook {
  readonly name: string
  readonly isOwner: boolean
  /** The event behind which it began; unknown until its first `ready`, if it began with what is new. */
  start: number | undefined
  readonly received: Entry[]
  /** The highest event id received. */
  level: number
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
  /** Was told that it is in. */
  isIn?: boolean
  readonly cameAt: number
  /** When its connection ended before an answer that was not due yet. */
  goneAt?: number
  connections: number
}

/** How long the server may take to see that a guest has hung up: an approval in between may have been handed over. */
export const HANG_UP_MS = 2000

/** A server that is killed does not see who hangs up then, and the next does not know that anybody was there. */
export function isUnseen({ kills }: ChatBook, { cameAt, goneAt = cameAt }: GuestBook): boolean {
  return kills.some((killed) => killed >= cameAt && killed <= goneAt + HANG_UP_MS)
}

export function newReader(name: string, start: number | undefined, isOwner = false): ReaderBook {
  return { name, isOwner, start, received: [], level: start ?? 0, connections: 0 }
}

/** URLs in events are on the base of the reader's own request, so their base does not count. */
export function entryOf(event: ChatEvent): Entry {
  const body = JSON.stringify(event.data).replace(/http:\/\/127\.0\.0\.1:\d+/g, '')
  return { event: event.event, id: 'id' in event ? event.id : undefined, digest: digestOf(body) }
}

export function receive(reader: ReaderBook, entry: Entry): void {
  reader.received.push(entry)
  if (entry.event === 'ready') reader.start ??= entry.id
  reader.level = Math.max(reader.level, entry.id ?? 0)
}

export function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('base64')
}
