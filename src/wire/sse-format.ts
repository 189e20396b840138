/** From an event to the lines of a stream (WHATWG HTML, section 9.2.5 "Parsing an event stream"). Pure. */
import { toJson } from './json.ts'

export interface Frame {
  readonly event: string
  readonly id?: string | number
  /** Sent as one line of JSON. */
  readonly data: unknown
}

/** What a reader may take for a line break would forge lines of the stream; an id with NUL is ignored by every client. */
const FORBIDDEN = /[\r\n\0\u0085\u2028\u2029]/

/** @throws TypeError if the event's name or id holds a line break or NUL */
export function frame({ event, id, data }: Frame): string {
  if (FORBIDDEN.test(event) || (typeof id === 'string' && FORBIDDEN.test(id))) {
    throw new TypeError('an event name or id must not hold a line break or NUL')
  }
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${toJson(data)}\n\n`
}

/** The frame of a message, whose JSON is ready and holds no line breaks. */
export function messageFrame(id: number, json: string): string {
  return `id: ${id}\nevent: message\ndata: ${json}\n\n`
}

/** What a stream begins with: a comment, so that the client sees bytes at once, and when to come back. */
export function opening(retryMs: number): string {
  return `:\nretry: ${retryMs}\n\n`
}

/** A comment, which every client ignores. */
export const HEARTBEAT = ':\n\n'
