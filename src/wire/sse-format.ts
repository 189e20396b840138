/** Formats Server-Sent Events (WHATWG HTML, section 9.2.5 "Parsing an event stream"). Pure. */
import { toJson } from './json.ts'

export interface Frame {
  readonly event: string
  readonly id?: string | number
  /** Sent as a single line of JSON. */
  readonly data: unknown
}

/** A line break could inject lines into the stream. Clients ignore an id that contains NUL. */
const FORBIDDEN = /[\r\n\0\u0085\u2028\u2029]/

/** @throws TypeError if the event's name or id contains a line break or NUL */
export function frame({ event, id, data }: Frame): string {
  if (FORBIDDEN.test(event) || (typeof id === 'string' && FORBIDDEN.test(id))) {
    throw new TypeError('an event name or id must not contain a line break or NUL')
  }
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${toJson(data)}\n\n`
}

/** The frame of a message whose JSON is already encoded, without line breaks. */
export function messageFrame(id: number, json: string): string {
  return `id: ${id}\nevent: message\ndata: ${json}\n\n`
}

/** The start of a stream: a comment, so that the client receives bytes at once, and the reconnection time. */
export function opening(retryMs: number): string {
  return `:\nretry: ${retryMs}\n\n`
}

/** A comment, which every client ignores. */
export const HEARTBEAT = ':\n\n'
