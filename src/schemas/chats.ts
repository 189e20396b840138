/** The wire of `/v1/chats`. */
import { z } from 'zod'
import {
  atMost,
  chatUrlAnswer,
  EXAMPLE,
  eventId,
  inWords,
  time,
  userIdAnswer,
  userIdMember,
  waitSeconds,
  wholeNumber
} from './common.ts'
import { member } from './members.ts'

export const chatParams = z.object({
  chat: z.string().meta({ description: 'The opaque part of the chat URL. A secret.' })
})

export const newChat = z
  .object({
    chat: chatUrlAnswer,
    author_id: userIdAnswer.meta({
      description: "The owner's user id. It is shown once and never again: who has it owns the chat.",
      examples: [EXAMPLE.authorId]
    }),
    events: z.url().meta({ description: "The chat's live stream.", examples: [`${EXAMPLE.chat}/events`] })
  })
  .meta({ id: 'NewChat' })

const MAX_TEXT_LENGTH = 4000

const text = member(
  z
    .string()
    .min(1, 'Send at least one character.')
    .refine(...atMost(MAX_TEXT_LENGTH))
    .refine((value) => value.isWellFormed(), 'A lone surrogate cannot survive UTF-8: send well-formed Unicode.')
    .meta({
      maxLength: MAX_TEXT_LENGTH,
      description: `1 to ${MAX_TEXT_LENGTH} UTF-16 code units, kept and returned exactly as sent.`,
      examples: ['Hello, Ana']
    }),
  { wanted: `a string of 1 to ${inWords(MAX_TEXT_LENGTH)} characters` }
)

export const postMessageBody = member(
  z.object({ text, user_id: userIdMember }).meta({ example: { text: 'Hello, Ana' } }),
  { mistakenFor: { names: ['idempotency_key'], message: 'Send it as the header `Idempotency-Key`.' } }
)

export const postMessageHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/, 'Send 1 to 255 printable ASCII characters.')
    .optional()
    .meta({
      description:
        'Names this post: sent again by the same user in the same chat, it posts nothing and gets the first answer, so a post may be repeated until it is answered.',
      examples: ['4f0b8f9e-1']
    })
})

export const message = z
  .object({ id: eventId, text: z.string().meta({ examples: ['Hello, Ana'] }), created_at: time })
  .meta({ id: 'Message', description: 'Nothing changes or deletes a message.' })

const MAX_PAGE = 1000
const wantedLimit = `Send a whole number from 1 to ${inWords(MAX_PAGE)}.`

export const readMessagesQuery = z.object({
  after: member(
    wholeNumber(z.number('Send an event id: a whole number from 0.').optional()).meta({
      type: 'integer',
      minimum: 0,
      description: 'Only the messages after this event id. 0 is the beginning. `last_event_id` counts as well.'
    }),
    {
      also: ['last_event_id'],
      mistakenFor: {
        names: ['since', 'since_id', 'after_id', 'cursor', 'offset'],
        message: 'Send `after`: the event id after which to read.'
      }
    }
  ),
  limit: member(
    wholeNumber(z.number(wantedLimit).min(1, wantedLimit).max(MAX_PAGE, wantedLimit).optional()).meta({
      type: 'integer',
      minimum: 1,
      maximum: MAX_PAGE,
      description: 'Only the first so many. Default: all.'
    }),
    {
      mistakenFor: {
        names: ['count', 'max', 'max_results', 'page_size', 'per_page'],
        message: 'Send `limit`: how many messages to read.'
      }
    }
  ),
  wait: waitSeconds(
    'If there is no newer message, wait so many seconds for one; if none comes, the answer is empty. It comes at once when the server stops.'
  ),
  user_id: userIdMember
})

export const messages = z
  .object({
    chat: chatUrlAnswer,
    messages: z.array(message).meta({ description: 'Oldest first.' }),
    last_event_id: eventId.meta({
      description:
        'The event id up to which this answer is complete. Hand it to `after` or to the stream: nothing is missed or seen twice.'
    }),
    has_more: z.boolean().meta({ description: 'Whether `limit` left messages out.', examples: [false] })
  })
  .meta({ id: 'Messages' })
