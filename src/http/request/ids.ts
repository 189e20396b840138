/** Parses the ids in paths at the edge: a route has an id, or has answered 404. */
import type { ChatId, HandoverId, LinkId } from '../../chat/ids.ts'
import { Problem, type ProblemKind } from '../../wire/problems.ts'
import { readChatSegment, readHandoverSegment, readLinkSegment } from '../../wire/urls.ts'

/** The chat that a path names. @throws Problem `chat-not-found` */
export function chatIdOf({ params }: { readonly params: { readonly chat: string } }): ChatId {
  return existing(readChatSegment(params.chat), 'chat-not-found')
}

/** The link that a path names. @throws Problem `link-not-found` */
export function linkIdOf({ params }: { readonly params: { readonly link: string } }): LinkId {
  return existing(readLinkSegment(params.link), 'link-not-found')
}

/** The handover that a path names. @throws Problem `handover-not-found` */
export function handoverIdOf({ params }: { readonly params: { readonly handover: string } }): HandoverId {
  return existing(readHandoverSegment(params.handover), 'handover-not-found')
}

/** What a URL names. @throws Problem if nothing of ours has such an id */
export function existing<Id>(id: Id | undefined, otherwise: ProblemKind & `${string}-not-found`): Id {
  if (id === undefined) throw new Problem(otherwise)
  return id
}
