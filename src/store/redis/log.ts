/** Reads events and messages from Redis. */
import type { LoggedEvent } from '../../chat/events.ts'
import type { ChatTag } from '../../chat/ids.ts'
import type { EventsPage, MessagePage, MessagesPage } from '../../chat/store.ts'
import { escapeLineBreaksIn } from '../../wire/json.ts'
import { COMMA } from '../codec.ts'
import { isStatusReply, readEvents } from './replies.ts'
import { SCRIPTS } from './scripts.ts'
import type { RedisServer } from './server.ts'

/** The current end of a log. */
export interface Head {
  readonly lastEventId: number
  readonly idleSince: number
}

/** Messages per script call. Redis runs nothing else during a call. */
const MESSAGES_PER_CALL = 500

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
    after: number,
    { limit = Number.POSITIVE_INFINITY, upTo }: MessagesPage
  ): Promise<MessagePage | 'cursor-unknown' | 'gone'> {
    if (!isId(after)) return await this.#unknownCursor(tag)
    const parts: Uint8Array[] = []
    let [from, end] = [after, upTo]
    for (let remaining = limit; ; remaining -= MESSAGES_PER_CALL) {
      const page = await this.#page(tag, from, end, Math.min(remaining, MESSAGES_PER_CALL))
      if (typeof page === 'string') return page
      // Messages logged during this read are not part of it.
      end ??= page.lastEventId
      if (page.json.length > 0) parts.push(COMMA, page.json)
      from = page.upTo ?? from
      const { hasMore } = page
      if (!hasMore || remaining <= MESSAGES_PER_CALL)
        return { json: parts.slice(1), upTo: hasMore ? from : end, hasMore }
    }
  }

  async #page(tag: ChatTag, after: number, upTo: number | undefined, count: number) {
    const reply = await this.#server.run(SCRIPTS.messages, tag, [after, upTo ?? '', count], 'bytes')
    if (isStatusReply(reply)) return unknownOrGone(reply)
    const [json = '', lastId = '', hasMore, lastEventId] = reply
    return {
      // Messages of older versions can contain raw line breaks.
      json: escapeLineBreaksIn(Buffer.from(json)),
      upTo: lastId.length > 0 ? Number(lastId) : undefined,
      hasMore: `${hasMore}` === '1',
      lastEventId: Number(lastEventId)
    }
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
