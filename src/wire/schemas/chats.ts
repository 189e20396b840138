/** Schemas of `/v1/chats`. */
import { z } from 'zod'
import {
  atMost,
  chatUrlAnswer,
  EXAMPLE,
  eventId,
  formatCount,
  time,
  userIdAnswer,
  userIdMember,
  waitSeconds,
  wholeNumber
} from './common.ts'
import { member } from './members.ts'

export const chatParams = z.object({
  chat: z.string().meta({ description: 'The chat URL, or its last part. A secret.' })
})

export const newChat = z
  .object({
    chat: chatUrlAnswer,
    author_id: userIdAnswer.meta({
      description: "The owner's user id. It is shown only once. Anyone who has it controls the chat.",
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
    .refine((value) => value.isWellFormed(), 'Send well-formed Unicode, without lone surrogates.')
    .meta({
      maxLength: MAX_TEXT_LENGTH,
      description: `1 to ${MAX_TEXT_LENGTH} characters (UTF-16 code units), stored and returned exactly as sent.`,
      examples: ['Hello, Ana']
    }),
  { wanted: `a string of 1 to ${formatCount(MAX_TEXT_LENGTH)} characters` }
)

export const postMessageBody = member(
  z.object({ text, user_id: userIdMember }).meta({ example: { text: 'Hello, Ana' } }),
  { mistakenFor: { names: ['idempotency_key'], message: 'Send it in the header `Idempotency-Key`.' } }
)

export const postMessageHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/, 'Send 1 to 255 printable ASCII characters.')
    .optional()
    .meta({
      description:
        'A unique key for this message: 1 to 255 printable ASCII characters. Sending the same key again returns the first answer and posts nothing, so retries are safe. With a different text, the answer is 422.'
    })
})

export const message = z
  .object({ id: eventId, text: z.string().meta({ examples: ['Hello, Ana'] }), created_at: time })
  .meta({ id: 'Message', description: 'A message cannot be changed or deleted.' })

const MAX_PAGE = 1000
const limitMessage = `Send a whole number from 1 to ${formatCount(MAX_PAGE)}.`

export const readMessagesQuery = z.object({
  after: member(
    wholeNumber(z.number('Send an event id: a whole number from 0.').optional()).meta({
      type: 'integer',
      minimum: 0,
      description:
        'Return only messages after this event id. 0 is the beginning. `last_event_id` is accepted as another name.'
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
    wholeNumber(z.number(limitMessage).min(1, limitMessage).max(MAX_PAGE, limitMessage).optional()).meta({
      type: 'integer',
      minimum: 1,
      maximum: MAX_PAGE,
      description: 'Return at most this many messages. Default: all.'
    }),
    {
      mistakenFor: {
        names: ['count', 'max', 'max_results', 'page_size', 'per_page'],
        message: 'Send `limit`: how many messages to read.'
      }
    }
  ),
  wait: waitSeconds(
    'If there is no newer message, wait up to this many seconds for one. If none is posted in that time, or if the server stops, the answer is empty.'
  ),
  user_id: userIdMember
})

export const messages = z
  .object({
    chat: chatUrlAnswer,
    messages: z.array(message).meta({ description: 'Oldest first.' }),
    last_event_id: eventId.meta({
      description:
        'The event id up to which this answer is complete. Pass it as `after`, or as the cursor of the stream, to continue without gaps or repeats.'
    }),
    has_more: z.boolean().meta({ description: 'Whether there are more messages than `limit`.', examples: [false] })
  })
  .meta({ id: 'Messages' })
