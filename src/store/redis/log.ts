/** How the Redis store reads what is logged. */
import type { LoggedEvent } from '../../chat/events.ts'
import type { ChatTag } from '../../chat/ids.ts'
import type { EventsPage, MessagePage, MessagesPage } from '../../chat/store.ts'
import { escapeLineBreaksIn } from '../../wire/json.ts'
import { isStatusReply, readEvents } from './replies.ts'
import { SCRIPTS } from './scripts.ts'
import type { RedisServer } from './server.ts'

/** The end of the log, as it is now. */
export interface Head {
  readonly lastEventId: number
  readonly idleSince: number
}

/** How many messages are read in one step: Redis does nothing else meanwhile. */
const READ_AT_ONCE = 500
const COMMA = Buffer.from(',')

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
    if (!isId(after)) return await this.#unknown(tag)
    const reply = await this.#server.run(SCRIPTS.events, tag, [after, upTo ?? '', maxBytes, allJoins ? '1' : '0'])
    return isStatusReply(reply) ? unknownOr(reply) : readEvents(reply)
  }

  async messages(
    tag: ChatTag,
    after: number,
    { limit = Number.POSITIVE_INFINITY, upTo }: MessagesPage
  ): Promise<MessagePage | 'cursor-unknown' | 'gone'> {
    if (!isId(after)) return await this.#unknown(tag)
    const parts: Uint8Array[] = []
    let [from, end] = [after, upTo]
    for (let left = limit; ; left -= READ_AT_ONCE) {
      const read = await this.#page(tag, from, end, Math.min(left, READ_AT_ONCE))
      if (typeof read === 'string') return read
      // What is logged while this goes on does not belong to it.
      end ??= read.lastEventId
      if (read.json.length > 0) parts.push(COMMA, read.json)
      from = read.upTo ?? from
      const { hasMore } = read
      if (!hasMore || left <= READ_AT_ONCE) return { json: parts.slice(1), upTo: hasMore ? from : end, hasMore }
    }
  }

  async #page(tag: ChatTag, after: number, upTo: number | undefined, count: number) {
    const reply = await this.#server.run(SCRIPTS.messages, tag, [after, upTo ?? '', count], 'bytes')
    if (isStatusReply(reply)) return unknownOr(reply)
    const [json = '', lastId = '', hasMore, lastEventId] = reply
    return {
      // Messages of before may hold raw line breaks.
      json: escapeLineBreaksIn(Buffer.from(json)),
      upTo: lastId.length > 0 ? Number(lastId) : undefined,
      hasMore: `${hasMore}` === '1',
      lastEventId: Number(lastEventId)
    }
  }

  async #unknown(tag: ChatTag): Promise<'cursor-unknown' | 'gone'> {
    return (await this.head(tag)) === 'gone' ? 'gone' : 'cursor-unknown'
  }
}

function isId(after: number): boolean {
  return Number.isSafeInteger(after) && after >= 0
}

function unknownOr(word: string): 'cursor-unknown' | 'gone' {
  return word === 'gone' ? word : 'cursor-unknown'
}
