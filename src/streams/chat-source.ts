import type { LoggedEvent } from '../chat/events.ts'
import type { EventsPage, LoadedChat } from '../chat/store.ts'

/** Where a stream catches up from. */
export interface ChatSource {
  /** The newest event id that this process was told of. */
  readonly newest: number
  load(): Promise<LoadedChat | undefined>
  events(after: number, page: EventsPage): Promise<readonly LoggedEvent[] | 'cursor-unknown' | 'gone'>
}
