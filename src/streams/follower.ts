/** What a channel and those who follow it ask of each other. */
import type { LoggedEvent } from '../chat/events.ts'
import type { EventsPage, LoadedChat } from '../chat/store.ts'
import type { Batch } from './batch.ts'

/** Follows a chat in this process: a stream, or a request that waits. */
export interface Follower {
  readonly kind: 'chat' | 'guest' | 'wait'
  /** Hands over what was committed since the last call, in order. Must not throw. */
  deliver(batch: Batch): void
  /** What was delivered is possibly not in the log any more, or something was lost: the follower must look at `source`. */
  reset(source: ChatSource): Promise<void>
  /** The chat was removed. */
  chatRemoved(): void
  /** A heartbeat is due. */
  heartbeat(): void
  /** Ends it after everything written so far has been sent. */
  end(): void
  /** Ends it at once. */
  destroy(): void
  onClose(listener: () => void): void
}

/** What a follower reads of its chat. Both reads wait while the store is unavailable. */
export interface ChatSource {
  /** The id of the newest event that this process was notified of; 0 before the first. */
  readonly newest: number
  load(): Promise<LoadedChat | undefined>
  events(after: number, page: EventsPage): Promise<readonly LoggedEvent[] | 'cursor-unknown' | 'gone'>
}
