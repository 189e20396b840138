/** What a chat is at an instant: with everything applied that is due by then, whether or not a store has it yet. Pure. */
import { applyDue } from './changes.ts'
import { nextDue } from './door.ts'
import type { DoorEvent } from './events.ts'
import type { LoadedChat } from './store.ts'

/** How long a chat lives after its last event, and after its creation if it never has one; in milliseconds, or Infinity. */
export interface Lifetime {
  readonly afterEventMs: number
  readonly emptyMs: number
}

export interface PresentChat {
  readonly chat: LoadedChat
  /** What has come due: not yet in the log, and so without ids. */
  readonly events: readonly DoorEvent[]
}

/** `ended`: the chat has been idle for too long. */
export function asOf(stored: LoadedChat, now: number, lifetime: Lifetime): PresentChat | 'ended' {
  let chat = stored
  const events: DoorEvent[] = []
  for (;;) {
    const due = Math.min(nextDue(chat.door) ?? Number.POSITIVE_INFINITY, now)
    if (due >= endOf(chat, events.length > 0, lifetime)) return 'ended'
    const expired = applyDue(chat.door, due)
    if (expired.door === chat.door) return { chat, events }
    events.push(...expired.events)
    chat = { ...chat, door: expired.door, idleSince: expired.events.length > 0 ? due : chat.idleSince }
  }
}

/** When the chat ends if nothing happens any more. */
export function endOf(
  { idleSince, lastEventId }: LoadedChat,
  hasNewEvents: boolean,
  { afterEventMs, emptyMs }: Lifetime
): number {
  return idleSince + (lastEventId === 0 && !hasNewEvents ? emptyMs : afterEventMs)
}
