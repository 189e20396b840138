/** Parts shared by several schemas. */
import { z } from 'zod'
import { readRequestId } from '../../chat/ids.ts'
import { problemOfName } from '../names.ts'
import { readChatUrl, readLinkUrl } from '../urls.ts'
import { member } from './members.ts'

/** Values for the examples of the OpenAPI document. The ids are well-formed but belong to nothing. */
export const EXAMPLE = {
  chat: 'http://localhost:8000/v1/chats/s1LlyChAtXmp9rDkWq3uV7aZ0eYbTnGhJfMc',
  link: 'http://localhost:8000/v1/links/s1LlyChAtXmpB5oQxR8vL2iKdE6wSyNzUgHt',
  handover: 'http://localhost:8000/v1/handovers/qT4mZc0VdR7yKs1LxW9hPb3nFg6uJe2aXoIr',
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
    description: 'The number of an event in its chat. Every member sees the same order. Ids only increase.',
    examples: [12]
  })

export const titleAnswer = z
  .string()
  .nullable()
  .meta({ description: "The chat's title, or null.", examples: ['Garden party'] })

/** Who posted a message, or has made a link: no name and no profile, but nobody can pose as somebody else. */
export const sender = z.string().meta({
  description: '`owner`, or the `request_id` of the member.',
  examples: [EXAMPLE.requestId]
})

export const userIdAnswer = z.uuid({ version: 'v4' })

export const requestId = z.string().meta({
  description:
    'The public code of a join request: eight Crockford base32 characters that guest and owner can compare by phone.',
  examples: [EXAMPLE.requestId]
})

/** A request id as people type it. */
export const requestIdInput = z.string().transform((typed, context) => {
  const parsed = readRequestId(typed)
  if (parsed !== undefined) return parsed
  context.addIssue(`Send a request_id of eight characters, like ${EXAMPLE.requestId}.`)
  return z.NEVER
})

export const chatUrlAnswer = z.url().meta({ description: 'The secret URL of the chat.', examples: [EXAMPLE.chat] })
export const linkUrlAnswer = z.url().meta({ description: 'The secret URL of the link.', examples: [EXAMPLE.link] })

/** A name, a title or a note: trimmed; the empty text is none. */
export function oneLine(maxLength: number) {
  return z
    .string()
    .trim()
    .superRefine((value, context) => {
      const problem = problemOfName(value, maxLength)
      if (problem !== '') context.addIssue(problem)
    })
}

/** What `oneLine` refuses, as a sentence. */
export const ONE_LINE =
  'At least one visible letter, digit, punctuation mark or symbol; no control characters, no formatting characters other than the joiners U+200C and U+200D, and at most four combining marks in a row.'

/** Names of the user id in a query or body: `user_id`, or the name in the answer that returned it. */
export const USER_ID_NAMES = ['user_id', 'author_id', 'client_id'] as const

/** For clients that cannot set headers. `http/request/user-id.ts` parses and checks it before the rest of the input. */
export const userIdMember = member(
  z.unknown().optional().meta({
    type: 'string',
    format: 'uuid',
    description:
      'Your `author_id` or `client_id`, if you cannot send it as `Authorization: Bearer <user id>`. Those names are accepted as well.'
  }),
  { also: USER_ID_NAMES.slice(1) }
)

const CHAT_URL = 'the whole URL of a chat, which starts with http:// or https:// and contains /v1/chats/'
const LINK_URL = 'the whole URL of a link, which starts with http:// or https:// and contains /i/ or /v1/links/'

/** A chat URL from a client. `id` is undefined if it cannot be a chat of this server. */
export const chatUrlInput = member(
  z
    .string()
    .transform((text, context) => {
      const parsed = readChatUrl(text)
      if (parsed !== undefined) return parsed
      context.addIssue(readLinkUrl(text) ? `This is the URL of a link. Send ${CHAT_URL}.` : `Send ${CHAT_URL}.`)
      return z.NEVER
    })
    .meta({ description: 'The URL of a chat. Host, query and fragment do not matter.' }),
  { wanted: CHAT_URL }
)

/** A link URL from a client. `id` is undefined if it cannot be a link of this server. */
export const linkUrlInput = member(
  z
    .string()
    .transform((text, context) => {
      const parsed = readLinkUrl(text)
      if (parsed !== undefined) return parsed
      context.addIssue(readChatUrl(text) ? `This is the URL of a chat. Send ${LINK_URL}.` : `Send ${LINK_URL}.`)
      return z.NEVER
    })
    .meta({ description: 'The URL of a link. Host, query and fragment do not matter.' }),
  { wanted: LINK_URL }
)

/** A number for a sentence, like 4,000. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** Arguments of `refine` for a maximum length in UTF-16 code units; zod's `max` counts code points. */
export function atMost(length: number): [(text: string) => boolean, string] {
  return [(text) => text.length <= length, `Send at most ${formatCount(length)} characters (UTF-16 code units).`]
}

/** An empty parameter is ignored, because scripts send `?after=$LAST` before `LAST` is set. */
export function emptyIsNone<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === '' ? undefined : value), schema)
}

/**
 * A whole number in a query: decimal digits only. Any other text is passed to `schema` unchanged. A number that is too large
 * for JavaScript becomes the largest safe one: it is still a whole number, and greater than any event id.
 */
export function wholeNumber<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => {
    if (value === '') return undefined
    if (typeof value !== 'string' || !/^\d+$/.test(value)) return value
    return Math.min(Number(value), Number.MAX_SAFE_INTEGER)
  }, schema)
}

/** The highest `limit` or `last`. */
const MAX_PAGE = 1000
const pageMessage = `Send a whole number from 1 to ${formatCount(MAX_PAGE)}.`

/** How many entries a request reads. */
export function pageSize(description: string) {
  return wholeNumber(z.number(pageMessage).min(1, pageMessage).max(MAX_PAGE, pageMessage).optional()).meta({
    type: 'integer',
    minimum: 1,
    maximum: MAX_PAGE,
    description
  })
}

/** `before` reads backwards, so it needs to know how far. For `superRefine` of a query. */
export function requireLastWithBefore(
  { last, before }: { readonly last?: number | undefined; readonly before?: unknown },
  context: z.RefinementCtx
): void {
  if (before === undefined || last !== undefined) return
  context.addIssue({ code: 'custom', path: ['before'], message: 'Send `last` as well: how many to read.' })
}

const MAX_WAIT_SECONDS = 300
const waitMessage = `Send a whole number of seconds from 1 to ${MAX_WAIT_SECONDS}.`

/** How many seconds a request waits. */
export function waitSeconds(description: string) {
  return member(
    wholeNumber(z.number(waitMessage).min(1, waitMessage).max(MAX_WAIT_SECONDS, waitMessage).optional()).meta({
      type: 'integer',
      minimum: 1,
      maximum: MAX_WAIT_SECONDS,
      description
    }),
    { mistakenFor: { names: ['timeout', 'wait_seconds'], message: 'Send `wait`: a number of seconds.' } }
  )
}
