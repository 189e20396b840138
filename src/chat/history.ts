/** Reads the messages of a chat page by page, so that a long history is never in memory as a whole. */
import { type ChatId, tagOf } from './ids.ts'
import { Refused } from './refusals.ts'
import type { MessagePage, MessagesStart, Store } from './store.ts'

/** Read from the store before the reader must have taken it. */
const PAGE_BYTES = 65_536

/** All messages, those after an event, or the newest ones. */
export interface WhichMessages {
  readonly after?: number | undefined
  readonly limit?: number | undefined
  /** The newest so many, oldest first; with `before`, of those before this event. */
  readonly last?: number | undefined
  readonly before?: number | undefined
}

export interface History {
  readonly chat: ChatId
  readonly first: MessagePage
  /** Whether the first page is the last one. */
  readonly isWhole: boolean
  /** @throws Refused `chat-not-found` if the chat is removed meanwhile, and what the store throws */
  readonly rest: AsyncIterable<MessagePage>
  /** What is said after the last page. */
  end(last: MessagePage): { readonly lastEventId: number; readonly hasMore: boolean }
}

/**
 * @param upTo the last event that the reader may see
 * @throws Refused `chat-not-found`, `cursor-unknown`
 */
export async function readHistory(
  store: Store,
  chat: ChatId,
  { after = 0, limit, last, before }: WhichMessages,
  upTo: number
): Promise<History> {
  if (last === undefined) {
    const reader = new PageReader(store, chat, limit, upTo)
    const first = await reader.read({ after })
    const end = ({ upTo: lastEventId, hasMore }: MessagePage) => ({ lastEventId, hasMore })
    return { chat, first, isWhole: reader.isDone(first), rest: reader.after(first), end }
  }
  const found = await store.newestMessages(tagOf(chat), { count: last, before, upTo })
  if (found === 'gone') throw new Refused({ refused: 'chat-not-found' })
  const reader = new PageReader(store, chat, last, Math.min(upTo, (before ?? Number.POSITIVE_INFINITY) - 1))
  const first = await reader.read({ from: found.from })
  const end = () => ({ lastEventId: upTo, hasMore: found.hasOlder })
  return { chat, first, isWhole: reader.isDone(first), rest: reader.after(first), end }
}

class PageReader {
  readonly #store: Store
  readonly #chat: ChatId
  readonly #upTo: number
  #left: number

  constructor(store: Store, chat: ChatId, limit: number | undefined, upTo: number) {
    this.#store = store
    this.#chat = chat
    this.#upTo = upTo
    this.#left = limit ?? Number.POSITIVE_INFINITY
  }

  async read(start: MessagesStart): Promise<MessagePage> {
    const limit = Number.isFinite(this.#left) ? this.#left : undefined
    const page = await this.#store.messages(tagOf(this.#chat), start, { limit, upTo: this.#upTo, maxBytes: PAGE_BYTES })
    if (page === 'gone') throw new Refused({ refused: 'chat-not-found' })
    if (page === 'cursor-unknown') throw new Refused({ refused: 'cursor-unknown' })
    this.#left -= page.count
    return page
  }

  isDone(page: MessagePage): boolean {
    return !page.hasMore || this.#left <= 0
  }

  async *after(first: MessagePage): AsyncGenerator<MessagePage, void, undefined> {
    for (let page = first; !this.isDone(page); ) {
      page = await this.read({ after: page.upTo })
      yield page
    }
  }
}
