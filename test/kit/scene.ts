/** One chat and its actors. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Chat, SillyChatError } from '../../dist/client/index.js'
import type { ChatBook } from './book.ts'
import { fetchAt } from './fetch.ts'
import type { Random } from './random.ts'

export interface Scene {
  readonly book: ChatBook
  readonly random: Random
  /** User ids of members from the start. */
  readonly members: readonly [string, ...string[]]
  /** The base of the server to which the next request goes. */
  readonly place: () => string
  readonly patience: Patience
  /** What started before the calm and must be done before the comparison. */
  readonly busy: Set<Promise<unknown>>
  /** Aborted when nothing new may start. */
  readonly calm: AbortSignal
  /** Aborted when pending guests must disconnect. */
  readonly close: AbortSignal
  /** Aborted when everything ends. */
  readonly end: AbortSignal
}

/** What actors do when a retryable request fails. */
export interface Patience {
  /** How often the client itself sends a post before it fails. */
  readonly attempts: number
  /** The chance that an actor gives up instead of trying again, and never learns the result. */
  readonly givesUp: number
}

const RETRY_MS = 50

/** A user's view of the chat, over counted connections. */
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

/** Records an error, unless everything is ending or it is a fault of the wire. */
export function note({ book, end }: Scene, actor: string, error: unknown): void {
  if (end.aborted || isTransient(error)) return
  book.trouble.push(`${actor}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`)
}

/** Whether a connection failed, or the store was unreachable. */
export function isTransient(error: unknown): boolean {
  return isProblem(error, 'store-unreachable') || error instanceof TypeError
}

export function isProblem(error: unknown, ...kinds: string[]): boolean {
  return error instanceof SillyChatError && kinds.includes(error.kind)
}

/** Repeats an action until it is answered, so it must be safe to do twice. Throws the last error if it gives up. */
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
