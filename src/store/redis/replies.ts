/** Parses replies of the scripts and messages of the channels. */
import type { DoorEvent, LoggedEvent, LoggedMessage } from '../../chat/events.ts'
import { messageAsNow } from '../codec.ts'

/** A status like `gone`, or the items of an array; numbers become strings. */
export type Reply = string | readonly (string | Buffer)[]

/** @throws TypeError for a reply that none of the scripts gives */
export function readReply(reply: unknown): Reply {
  if (typeof reply === 'string') return reply
  if (reply instanceof Buffer) return reply.toString()
  if (typeof reply === 'number') return [String(reply)]
  if (Array.isArray(reply)) return reply.map((item) => (item instanceof Buffer ? item : String(item)))
  throw new TypeError('unexpected reply of a script')
}

export function isStatusReply(reply: Reply): reply is string {
  return typeof reply === 'string'
}

/** A change of a chat, as it is published on the chat's channel (see `chat.lua`). */
export type ChannelMessage =
  | 'gone'
  | { readonly before: number; readonly instant: number; readonly events: readonly LoggedEvent[] }

/** `undefined` for a malformed message. */
export function readChannelMessage(text: string): ChannelMessage | undefined {
  if (text === 'g') return 'gone'
  const [kind, before, instant, id] = text.split(' ', 4)
  if ((kind !== 'm' && kind !== 'j') || before === undefined || instant === undefined || id === undefined) {
    return undefined
  }
  const json = text.slice(`${kind} ${before} ${instant} ${id} `.length)
  const common = { before: Number(before), instant: Number(instant) }
  if (![common.before, common.instant, Number(id)].every(Number.isSafeInteger)) return undefined
  if (kind === 'm') return { ...common, events: [messageFrom(Number(id), json)] }
  const events = readDoorEvents(json)
  return events && { ...common, events: events.map((event, index) => ({ ...event, id: Number(id) + index })) }
}

function readDoorEvents(json: string): DoorEvent[] | undefined {
  try {
    const events: unknown = JSON.parse(json)
    return Array.isArray(events) ? events : undefined
  } catch {
    // A SyntaxError: another Redis client has published on this channel.
    return undefined
  }
}

/** Parses the reply of `events.lua`. */
export function readEvents(reply: readonly (string | Buffer)[]): LoggedEvent[] {
  const events: LoggedEvent[] = []
  for (let index = 0; index < reply.length; index += 3) {
    const id = Number(reply[index])
    const json = `${reply[index + 2]}`
    if (`${reply[index + 1]}` === 'm') events.push(messageFrom(id, json))
    else {
      const event: DoorEvent = JSON.parse(json)
      events.push({ ...event, id })
    }
  }
  return events
}

/** A message as stored in Redis. */
export function messageFrom(id: number, json: string): LoggedMessage {
  return { type: 'message', id, json: messageAsNow(json) }
}
