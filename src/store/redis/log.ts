/** Reads events and messages from Redis. */
import type { LoggedEvent } from '../../chat/events.ts'
import type { ChatTag } from '../../chat/ids.ts'
import type {
  EventsPage,
  MessagePage,
  MessagesPage,
  MessagesStart,
  MessagesStartFound,
  NewestMessages
} from '../../chat/store.ts'
import { escapeLineBreaksIn } from '../../wire/json.ts'
import { isStatusReply, readEvents } from './replies.ts'
import { SCRIPTS } from './scripts.ts'
import type { RedisServer } from './server.ts'

/** The current end of a log. */
export interface Head {
  readonly lastEventId: number
  readonly idleSince: number
}

/** More messages than a chat can have. */
const MAX_LIMIT = 1e15

export class RedisLog {
  readonly #server: RedisServer

  constructor(server: RedisServer) {
    this.#server = server
  }

  async head(tag: ChatTag): Promise<Head | 'gone'> {
    const reply = await this.#server.run(SCRIPTS.head, tag, [])
    if (isStatusReply(reply)) return 'gone'
    const [lastEventId, idleSince] = reply
    return { lastEventId: Number(lastEventId), idleSince: Number(idleSince) }
  }

  async events(
    tag: ChatTag,
    after: number,
    { maxBytes, allJoins, upTo }: EventsPage
  ): Promise<readonly LoggedEvent[] | 'cursor-unknown' | 'gone'> {
    if (!isId(after)) return await this.#unknownCursor(tag)
    const reply = await this.#server.run(SCRIPTS.events, tag, [after, upTo ?? '', maxBytes, allJoins ? '1' : '0'])
    return isStatusReply(reply) ? unknownOrGone(reply) : readEvents(reply)
  }

  async messages(
    tag: ChatTag,
    start: MessagesStart,
    { limit = MAX_LIMIT, upTo, maxBytes }: MessagesPage
  ): Promise<MessagePage | 'cursor-unknown' | 'gone'> {
    if ('after' in start && !isId(start.after)) return await this.#unknownCursor(tag)
    const cursor = 'after' in start ? [start.after, ''] : ['', start.from]
    const reply = await this.#server.run(SCRIPTS.messages, tag, [...cursor, upTo ?? '', limit, maxBytes], 'bytes')
    if (isStatusReply(reply)) return unknownOrGone(reply)
    const [json = '', count, lastId, more, lastEventId] = reply
    const hasMore = `${more}` === '1'
    return {
      // Messages of older versions can contain raw line breaks.
      json: json.length === 0 ? [] : [escapeLineBreaksIn(Buffer.from(json))],
      count: Number(count),
      upTo: hasMore ? Number(lastId) : (upTo ?? Number(lastEventId)),
      hasMore
    }
  }

  async newestMessages(tag: ChatTag, { count, before, upTo }: NewestMessages): Promise<MessagesStartFound | 'gone'> {
    const reply = await this.#server.run(SCRIPTS.newest, tag, [count, before ?? '', upTo ?? ''])
    if (isStatusReply(reply)) return 'gone'
    const [from, hasOlder] = reply
    return { from: Number(from), hasOlder: hasOlder === '1' }
  }

  async #unknownCursor(tag: ChatTag): Promise<'cursor-unknown' | 'gone'> {
    return (await this.head(tag)) === 'gone' ? 'gone' : 'cursor-unknown'
  }
}

function isId(after: number): boolean {
  return Number.isSafeInteger(after) && after >= 0
}

function unknownOrGone(status: string): 'cursor-unknown' | 'gone' {
  return status === 'gone' ? status : 'cursor-unknown'
}
