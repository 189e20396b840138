/** One chat and how long those in it act. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Chat, SillyChatError } from '../../dist/client/index.js'
import type { ChatBook } from './book.ts'
import { hastyFetch } from './network.ts'
import type { Random } from './random.ts'

export interface Scene {
  readonly book: ChatBook
  readonly random: Random
  readonly links: readonly [string, ...string[]]
  /** User ids of members that were in before the storm. */
  readonly members: readonly [string, ...string[]]
  /** Aborted when nobody shall begin anything new. */
  readonly calm: AbortSignal
  /** Aborted when those who still wait at the door shall go. */
  readonly close: AbortSignal
  /** Aborted when everything ends. */
  readonly end: AbortSignal
}

/** A member's own view of the chat, over connections that are counted. */
export function viewOf(
  { book, end }: Scene,
  user: string,
  counted: { connections: number } = { connections: 0 }
): Chat {
  const fetch = hastyFetch(() => counted.connections++)
  return new Chat(book.owner.url, user, { fetch, signal: end })
}

/** Waits, but not beyond the calm. */
export async function linger(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

/** Notes what went wrong, unless everything is ending or the network was gone: that is what a proxy of chaos does. */
export function note({ book, end }: Scene, who: string, error: unknown): void {
  if (end.aborted || isBroken(error)) return
  book.trouble.push(`${who}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`)
}

/** A connection failed, or the store was away; the client never throws that where it resumes by itself. */
export function isBroken(error: unknown): boolean {
  return error instanceof SillyChatError ? error.kind === 'store-unreachable' : error instanceof TypeError
}

/** Again until it arrives: for what may be done twice. */
export async function insist<Result>(signal: AbortSignal, action: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await action()
    } catch (error) {
      if (!isBroken(error) || signal.aborted) throw error
      await linger(50, signal)
    }
  }
}
