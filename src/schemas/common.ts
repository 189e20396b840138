/** The parts that several schemas of the wire are built from. */
import { z } from 'zod'
import { readChatUrl, readLinkUrl } from '../urls.ts'

/** Names for the examples of the OpenAPI document; ids of the right shape that open nothing. */
export const EXAMPLE = {
  chat: 'http://localhost:8000/v1/chats/s1LlyChAtXmp9rDkWq3uV7aZ0eYbTnGhJfMc',
  link: 'http://localhost:8000/v1/links/s1LlyChAtXmpB5oQxR8vL2iKdE6wSyNzUgHt',
  authorId: 'b7c1f0de-3a5e-4d1c-9a53-2f2f0c1f7e11',
  clientId: '4f0b8f9e-1f57-4c0e-8d6c-5f3c7a9be2d4',
  requestId: '7QF2-9KXM',
  time: '2026-11-22T16:56:00.000Z'
} as const

export const time = z.iso
  .datetime({ precision: 3 })
  .meta({ description: 'ISO 8601 in UTC with milliseconds.', examples: [EXAMPLE.time] })

export const eventId = z
  .int()
  .min(0)
  .meta({
    description: 'The number of an event in its chat. One order for everybody; ids only rise.',
    examples: [12]
  })

export const userIdAnswer = z.uuid({ version: 'v4' })

export const requestId = z.string().meta({
  description:
    'The public name of a join request: eight Crockford base32 characters, which guest and owner can read to each other.',
  examples: [EXAMPLE.requestId]
})

export const chatUrlAnswer = z.url().meta({ description: 'The secret URL of the chat.', examples: [EXAMPLE.chat] })
export const linkUrlAnswer = z.url().meta({ description: 'The secret URL of the link.', examples: [EXAMPLE.link] })

/** Who is asking, where no header can be sent. Read and checked by `plugins/user-id.ts`, before anything else. */
export const userIdMember = z.unknown().optional().meta({
  type: 'string',
  format: 'uuid',
  description: 'Your author_id or client_id, if you cannot send it as `Authorization: Bearer <user id>`.'
})

/** A chat URL as somebody sent it. `id` is undefined for one that no chat of ours has. */
export const chatUrlInput = z
  .string()
  .transform((text, context) => {
    const read = readChatUrl(text)
    if (read !== undefined) return read
    context.addIssue('Send the whole URL of a chat, like http://localhost:8000/v1/chats/….')
    return z.NEVER
  })
  .meta({ description: 'The URL of a chat. Host, query and fragment do not matter.', examples: [EXAMPLE.chat] })

/** A link URL as somebody sent it. `id` is undefined for one that no link of ours has. */
export const linkUrlInput = z
  .string()
  .transform((text, context) => {
    const read = readLinkUrl(text)
    if (read !== undefined) return read
    context.addIssue('Send the whole URL of a link, like http://localhost:8000/v1/links/….')
    return z.NEVER
  })
  .meta({ description: 'The URL of a link. Host, query and fragment do not matter.', examples: [EXAMPLE.link] })

/** What `refine` takes for a greatest length in UTF-16 code units, as JavaScript counts; `max` counts code points. */
export function atMost(length: number): [(text: string) => boolean, string] {
  return [(text) => text.length <= length, `Send at most ${length} characters (UTF-16 code units).`]
}

/** A body: unknown members are ignored. */
export function jsonObject<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.object(shape, 'Send a JSON object.')
}

/** An empty parameter counts as none: scripts write `?after=$LAST` before they have a last. */
export function emptyIsNone<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === '' ? undefined : value), schema)
}

/** A whole number in a query: decimal digits and nothing else. Anything else reaches `schema` as the text it is. */
export function wholeNumber<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => {
    if (value === '') return undefined
    return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  }, schema)
}

const MAX_WAIT_SECONDS = 300
const wantedWait = `Send a whole number of seconds from 1 to ${MAX_WAIT_SECONDS}.`

/** How long an answer may wait for what it is asked for. */
export function waitSeconds(description: string) {
  return wholeNumber(z.number(wantedWait).min(1, wantedWait).max(MAX_WAIT_SECONDS, wantedWait).optional()).meta({
    type: 'integer',
    minimum: 1,
    maximum: MAX_WAIT_SECONDS,
    description
  })
}
