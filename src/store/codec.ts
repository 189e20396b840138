/** The stored form of doors and messages. Every change must still read what earlier versions have written. */
import type { Door, JoinRequest } from '../chat/door.ts'
import { NO_PROFILE } from '../chat/profile.ts'
import { type OrderedRequest, Requests } from '../chat/requests.ts'
import type { NewMessage } from '../chat/store.ts'
import { escapeLineBreaks, escapeLineBreaksIn, toJson } from '../wire/json.ts'

/** A door without its requests, each of which is a record of its own. */
type Head = Omit<Door, 'requests'>

function encodeHead({ requests: _, ...head }: Door): string {
  return JSON.stringify(head satisfies Head)
}

export function decodeHead(text: string): Head {
  return withProfile(JSON.parse(text))
}

/** Earlier versions stored no profile, or one without what came later. */
function withProfile<Stored extends Partial<Head>>(stored: Stored) {
  return { ...stored, profile: { ...NO_PROFILE, ...stored.profile } }
}

/** What a commit of `next` has to store, if `before` is stored. Costs what has changed. */
export function doorChanges(before: Door, next: Door) {
  const { requests: _, rights: __, ...head } = next
  const isHeadChanged = Object.entries(head).some(([name, value]) => Reflect.get(before, name) !== value)
  return { head: isHeadChanged ? encodeHead(next) : undefined, ...next.requests.changesSince(before.requests) }
}

/** The same for a door of which nothing is stored. */
export function wholeDoor(door: Door) {
  return { head: encodeHead(door), ...door.requests.changesSince(Requests.from([])) }
}

/** A request record: its place in the order, a space, JSON. */
export function encodeRequest({ order, request }: OrderedRequest): string {
  return `${order} ${JSON.stringify(request)}`
}

export function decodeRequest(text: string): OrderedRequest {
  const space = text.indexOf(' ')
  return { order: Number(text.slice(0, space)), request: JSON.parse(text.slice(space + 1)) }
}

/** A door as version 1 stored it: in one piece. */
export function decodeWholeDoor(text: string): Door {
  const { requests, ...head }: Head & { readonly requests: readonly JoinRequest[] } = JSON.parse(text)
  return { ...withProfile(head), requests: Requests.from(requests) }
}

/** Separates the messages of a page (`MessagePage.json`). */
export const COMMA = Buffer.from(',')

/** A message is stored as the JSON that answers the post, so that reading it needs no encoding. */
export function messageJson(id: number, message: NewMessage): string {
  return `{"id":${id},${messageJsonAfterId(message)}`
}

/** The same JSON without `{"id":…,` at its start. Redis assigns the id and puts it there. */
export function messageJsonAfterId({ from, text, createdAt }: NewMessage): string {
  return toJson({ text, created_at: new Date(createdAt).toISOString(), from }).slice(1)
}

/**
 * A stored message as this version writes it. Earlier ones wrote no `from` and did not escape line breaks; their JSON ends in
 * `.123Z"}`.
 */
export function messageAsNow(json: string): string {
  return json.at(-OLD_END.length) === '.' ? `${escapeLineBreaks(json).slice(0, -1)},"from":null}` : json
}

const OLD_END = '.123Z"}'

/** The same for messages that are joined by commas. A quote inside a text is escaped, so only the end of a message looks like it. */
export function messagesAsNow(json: Buffer): Buffer {
  if (!json.includes('Z"}')) return json
  const text = escapeLineBreaksIn(json).toString('latin1')
  return Buffer.from(text.replaceAll(/(\.\d{3}Z")\}/g, '$1,"from":null}'), 'latin1')
}
