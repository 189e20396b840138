/** Schemas of `/v1/chats`. */
import { z } from 'zod'
import {
  atMost,
  chatUrlAnswer,
  EXAMPLE,
  eventId,
  formatCount,
  pageSize,
  requireLastWithBefore,
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

export const MAX_TEXT_LENGTH = 4000

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

const EVENT_ID = 'Send an event id: a whole number from 0.'

/** What `last` cannot be combined with: these read forwards. */
const FORWARDS = ['after', 'limit', 'wait'] as const

export const readMessagesQuery = z
  .object({
    after: member(
      wholeNumber(z.number(EVENT_ID).optional()).meta({
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
    limit: member(pageSize('Return at most this many messages. Default: all.'), {
      mistakenFor: {
        names: ['count', 'max', 'max_results', 'page_size', 'per_page'],
        message: 'Send `limit`: how many messages to read.'
      }
    }),
    wait: waitSeconds(
      'If there is no newer message, wait up to this many seconds for one. If none is posted in that time, or if the server stops, the answer is empty.'
    ),
    last: member(
      pageSize(
        'Return the newest messages, this many at most, oldest first. It cannot be combined with `after`, `limit` or `wait`.'
      ),
      {
        mistakenFor: {
          names: ['latest', 'newest', 'tail'],
          message: 'Send `last`: how many of the newest messages to read.'
        }
      }
    ),
    before: member(
      wholeNumber(z.number(EVENT_ID).optional()).meta({
        type: 'integer',
        minimum: 0,
        description:
          'With `last`: return the newest messages before this event id, which need not be the id of an event. To read backwards, send the id of the oldest message that you have, until `has_more` is false.'
      }),
      {
        mistakenFor: {
          names: ['before_id', 'max_id', 'until', 'until_id'],
          message: 'Send `before`: the event id before which to read.'
        }
      }
    ),
    user_id: userIdMember
  })
  .superRefine(requireLastWithBefore)
  .superRefine((query, context) => {
    if (query.last === undefined) return
    for (const name of FORWARDS.filter((one) => query[one] !== undefined)) {
      const message = 'Leave out either this or `last`: they cannot be combined.'
      context.addIssue({ code: 'custom', path: [name], message })
    }
  })

export const messages = z
  .object({
    chat: chatUrlAnswer,
    messages: z.array(message).meta({ description: 'Oldest first.' }),
    last_event_id: eventId.meta({
      description:
        'The event id up to which this answer is complete. Pass it as `after`, or as the cursor of the stream, to continue without gaps or repeats. With `last`, it is the newest event id of the chat.'
    }),
    has_more: z.boolean().meta({
      description: 'Whether there are more messages than `limit`; with `last`, whether there are older ones.',
      examples: [false]
    })
  })
  .meta({ id: 'Messages' })
