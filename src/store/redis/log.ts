/** Reads events and messages from Redis. */
import type { LoggedEvent } from '../../chat/events.ts'
import type { ChatTag } from '../../chat/ids.ts'
import {
  type EventsPage,
  type MessagePage,
  type MessagesPage,
  type MessagesStart,
  type MessagesStartFound,
  type NewestMessages,
  StoreUnavailable
} from '../../chat/store.ts'
import { messagesAsNow } from '../codec.ts'
import { isStatusReply, type Reply, readEvents } from './replies.ts'
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
    const reply = await this.#noticingLoss(tag, (how) => this.#server.run(SCRIPTS.head, tag, [how]))
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
    const args = [after, upTo ?? '', maxBytes, allJoins ? '1' : '0']
    const reply = await this.#noticingLoss(tag, (how) => this.#server.runPage(SCRIPTS.events, tag, [...args, how]))
    return isStatusReply(reply) ? unknownOrGone(reply) : readEvents(reply)
  }

  async messages(
    tag: ChatTag,
    start: MessagesStart,
    { limit = MAX_LIMIT, upTo, maxBytes }: MessagesPage
  ): Promise<MessagePage | 'cursor-unknown' | 'gone'> {
    if ('after' in start && !isId(start.after)) return await this.#unknownCursor(tag)
    const cursor = 'after' in start ? [start.after, ''] : ['', start.from]
    const args = [...cursor, upTo ?? '', limit, maxBytes]
    const reply = await this.#noticingLoss(tag, (how) =>
      this.#server.runPage(SCRIPTS.messages, tag, [...args, how], 'bytes')
    )
    if (isStatusReply(reply)) return unknownOrGone(reply)
    const [json = '', count, lastId, more, lastEventId] = reply
    const hasMore = `${more}` === '1'
    return {
      json: json.length === 0 ? [] : [messagesAsNow(Buffer.from(json))],
      count: Number(count),
      upTo: hasMore ? Number(lastId) : (upTo ?? Number(lastEventId)),
      hasMore
    }
  }

  async newestMessages(tag: ChatTag, { count, before, upTo }: NewestMessages): Promise<MessagesStartFound | 'gone'> {
    const args = [count, before ?? '', upTo ?? '']
    const reply = await this.#noticingLoss(tag, (how) => this.#server.run(SCRIPTS.newest, tag, [...args, how]))
    if (isStatusReply(reply)) return 'gone'
    const [from, hasOlder] = reply
    return { from: Number(from), hasOlder: hasOlder === '1' }
  }

  /**
   * Reads, and if messages were lost, records that and reads again. Where that cannot be written, it reads what there is.
   * @param read its argument is the last one of the scripts that read
   */
  async #noticingLoss(tag: ChatTag, read: (how: '' | '1') => Promise<Reply>): Promise<Reply> {
    const reply = await read('')
    if (reply !== 'lost') return reply
    try {
      await this.#server.run(SCRIPTS.loss, tag, [])
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
    return await read('1')
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
