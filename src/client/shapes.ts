/**
 * Checks whether a value is an answer of the server. The checks cover only the members that the client or its callers need,
 * because a newer server can send more members and more values than this version knows.
 */
import type { z } from 'zod'
import type { approval, decidedAll } from '../wire/schemas/approval.ts'
import type { members, message, messages, newChat, ownProfile } from '../wire/schemas/chats.ts'
import type { handover, newHandover } from '../wire/schemas/handovers.ts'
import type { joinRequests } from '../wire/schemas/join-requests.ts'
import type { exchange, link, links } from '../wire/schemas/links.ts'
import type { ServerInfo } from '../wire/schemas/server.ts'
import type { approvalEventData, chatEvents, memberEventData } from '../wire/schemas/streams.ts'

export type Message = z.output<typeof message>
export type Messages = z.output<typeof messages>
export type Members = z.output<typeof members>
export type Profile = z.output<typeof ownProfile>
export type Link = z.output<typeof link>
export type Links = z.output<typeof links>
export type JoinRequests = z.output<typeof joinRequests>
export type JoinRequest = JoinRequests['join_requests'][number]
export type Approval = z.output<typeof approval>
export type DecidedAll = z.output<typeof decidedAll>
export type Exchange = z.output<typeof exchange>
export type { ServerInfo }
export type NewHandover = z.output<typeof newHandover>
type Handover = z.output<typeof handover>
export type NewChat = z.output<typeof newChat>
export type ApprovalEventData = z.output<typeof approvalEventData>
export type ChatEvent = z.output<typeof chatEvents>[number]

export type Check<Value> = (value: unknown) => value is Value

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Checks the members of an object. The type makes the compiler report a member that has been renamed. */
export function object<Value>(members: { readonly [Name in keyof Value]?: (value: unknown) => boolean }): Check<Value> {
  const checks = Object.entries<((value: unknown) => boolean) | undefined>(members)
  return (value): value is Value => isObject(value) && checks.every(([name, check]) => check?.(value[name]) !== false)
}

const list =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(check)
export const text = (value: unknown): boolean => typeof value === 'string'
const textOrNull = (value: unknown): boolean => value === null || text(value)
const count = (value: unknown): boolean => Number.isSafeInteger(value)
const eventId = count
const flag = (value: unknown): boolean => typeof value === 'boolean'
const flagOrNone = (value: unknown): boolean => value === undefined || flag(value)

export const isMessage = object<Message>({ id: eventId, text, created_at: text })
export const isMessages = object<Messages>({ messages: list(isMessage), last_event_id: eventId, has_more: flag })
const isMember = object<Members['members'][number]>({ from: text, name: textOrNull, since: text, until: textOrNull })
export const isMembers = object<Members>({ members: list(isMember), last_event_id: eventId })
export const isProfile = object<Profile>({ title: textOrNull, name: textOrNull, invites: text })
export const isLink = object<Link>({ link: text })
export const isLinks = object<Links>({ links: list(isLink) })
const isJoinRequest = object<JoinRequest>({ request_id: text, link: text, state: text, name: textOrNull })
export const isJoinRequests = object<JoinRequests>({
  join_requests: list(isJoinRequest),
  last_event_id: eventId,
  has_more: flagOrNone
})
export const isApproval = object<Approval>({ link: text, request_id: text, state: text })
export const isDecidedAll = object<DecidedAll>({ link: text, decided: list(text), left: list(text) })
export const isExchange = object<Exchange>({ link: text, state: text, chat: textOrNull })
export const isApprovalEventData = object<ApprovalEventData>({ link: text, state: text, chat: textOrNull })
export const isNewChat = object<NewChat>({ chat: text, author_id: text })
export const isServerInfo = object<ServerInfo>({
  version: text,
  store: text,
  chat_ttl_seconds: count,
  empty_chat_ttl_seconds: count,
  push: flag,
  sealed: flag,
  max_text_length: count,
  max_sealed_text_length: count
})

export const isNewHandover = object<NewHandover>({ handover: text, expires_at: text })
export const isHandover = object<Handover>({ sealed: text })

type Named<Name extends ChatEvent['event']> = Extract<ChatEvent, { event: Name }>
type JoinEvent = Extract<ChatEvent, { data: JoinRequest }>
type MemberEventData = z.output<typeof memberEventData>
type MemberEvent = Extract<ChatEvent, { data: MemberEventData }>

const isJoinEvent = object<JoinEvent>({ data: isJoinRequest })
const isMemberEvent = object<MemberEvent>({
  id: eventId,
  data: object<MemberEventData>({ from: text, name: textOrNull })
})
const hasLastEventId = object<{ last_event_id: number }>({ last_event_id: eventId })

const EVENTS = {
  message: object<Named<'message'>>({ id: eventId, data: isMessage }),
  join_request: isJoinEvent,
  join_approved: isJoinEvent,
  join_declined: isJoinEvent,
  join_closed: isJoinEvent,
  member_joined: isMemberEvent,
  member_left: isMemberEvent,
  chat: object<Named<'chat'>>({
    id: eventId,
    data: object<Named<'chat'>['data']>({ title: textOrNull, owner_name: textOrNull })
  }),
  ready: object<Named<'ready'>>({ id: eventId, data: hasLastEventId }),
  reset: object<Named<'reset'>>({ data: hasLastEventId }),
  closed: object<Named<'closed'>>({ data: object<Named<'closed'>['data']>({ reason: text }) })
} satisfies Record<ChatEvent['event'], unknown>
const EVENT_CHECKS: ReadonlyMap<unknown, Check<ChatEvent>> = new Map(Object.entries(EVENTS))

/** Whether this is an event of a chat's stream that this version knows. */
export function isChatEvent(value: unknown): value is ChatEvent {
  if (!isObject(value) || (value['id'] !== undefined && !eventId(value['id']))) return false
  return EVENT_CHECKS.get(value['event'])?.(value) === true
}
