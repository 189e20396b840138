/** Parses chat and link ids at the edge: a route has an id, or has answered 404. */
import type { ChatId, LinkId } from '../../chat/ids.ts'
import { Problem } from '../../wire/problems.ts'
import { readChatSegment, readLinkSegment } from '../../wire/urls.ts'

/** The chat that a path names. @throws Problem `chat-not-found` */
export function chatIdOf({ params }: { readonly params: { readonly chat: string } }): ChatId {
  return existing(readChatSegment(params.chat), 'chat-not-found')
}

/** The link that a path names. @throws Problem `link-not-found` */
export function linkIdOf({ params }: { readonly params: { readonly link: string } }): LinkId {
  return existing(readLinkSegment(params.link), 'link-not-found')
}

/** What a URL in a query or a body names. @throws Problem if no chat or link of ours has such an id */
export function existing<Id>(id: Id | undefined, otherwise: 'chat-not-found' | 'link-not-found'): Id {
  if (id === undefined) throw new Problem(otherwise)
  return id
}
