/** One chat, and how those in it act. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Chat, SillyChatError } from '../../dist/client/index.js'
import type { ChatBook } from './book.ts'
import { fetchAt } from './fetch.ts'
import type { Random } from './random.ts'

export interface Scene {
  readonly book: ChatBook
  readonly random: Random
  /** User ids of members that were in before anything else happened. */
  readonly members: readonly [string, ...string[]]
  /** The base of the server to which the next request goes. */
  readonly place: () => string
  readonly patience: Patience
  /** What has begun before the calm and must be done before the comparison. */
  readonly busy: Set<Promise<unknown>>
  /** Aborted when nobody shall begin anything new. */
  readonly calm: AbortSignal
  /** Aborted when those who still wait at the door shall go. */
  readonly close: AbortSignal
  /** Aborted when everything ends. */
  readonly end: AbortSignal
}

/** What actors do when a request fails that can be sent again. */
export interface Patience {
  /** How often the client sends a post by itself before it fails. */
  readonly attempts: number
  /** The chance that an actor does not try once more, and never learns what became of it. */
  readonly givesUp: number
}

const RETRY_MS = 50

/** A member's own view of the chat, over connections that are counted. */
export function viewOf(
  { book, end, place }: Scene,
  user: string,
  counted?: { connections: number },
  at: () => string = place
): Chat {
  return new Chat(book.owner.url, user, { fetch: fetchAt(at, counted), signal: end })
}

/** Waits, but not beyond the signal. */
export async function linger(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

/** Writes down what went wrong, unless everything is ending or the network was gone: faults of the wire do that. */
export function note({ book, end }: Scene, actor: string, error: unknown): void {
  if (end.aborted || isTransient(error)) return
  book.trouble.push(`${actor}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`)
}

/** A connection failed, or the store was away. */
export function isTransient(error: unknown): boolean {
  return isProblem(error, 'store-unreachable') || error instanceof TypeError
}

export function isProblem(error: unknown, ...kinds: string[]): boolean {
  return error instanceof SillyChatError && kinds.includes(error.kind)
}

/** Tries until it is answered: for what may be done twice. Throws what went wrong last if it gives up. */
export async function insist<Result>(
  signal: AbortSignal,
  action: () => Promise<Result>,
  givesUp: () => boolean = () => false
): Promise<Result> {
  for (;;) {
    try {
      return await action()
    } catch (error) {
      if (!isTransient(error) || signal.aborted || givesUp()) throw error
      await linger(RETRY_MS, signal)
    }
  }
}
