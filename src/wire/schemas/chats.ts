/** Schemas of `/v1/chats`. */
import { z } from 'zod'
import { MAX_NAME_LENGTH, MAX_TITLE_LENGTH } from '../names.ts'
import {
  atMost,
  chatUrlAnswer,
  EXAMPLE,
  emptyIsNone,
  eventId,
  formatCount,
  ONE_LINE,
  oneLine,
  pageSize,
  requireLastWithBefore,
  sender,
  time,
  titleAnswer,
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

/** Empty, blank and null are none. */
const noneIfEmpty = (text: string | null | undefined) => (text === '' ? null : text)

const profileMembers = {
  title: member(
    oneLine(MAX_TITLE_LENGTH)
      .nullish()
      .transform(noneIfEmpty)
      .meta({
        description: `The chat's title, for everybody who opens a link to it: at most ${MAX_TITLE_LENGTH} characters (UTF-16 code units) after trimming. Empty or null is none. ${ONE_LINE}`
      }),
    {
      wanted: `a string of at most ${MAX_TITLE_LENGTH} characters`,
      mistakenFor: { names: ['chat_name', 'subject', 'topic'], message: 'Send `title`: what the chat is called.' }
    }
  ),
  name: member(
    oneLine(MAX_NAME_LENGTH)
      .nullish()
      .transform(noneIfEmpty)
      .meta({
        description: `Your own name, for the members: at most ${MAX_NAME_LENGTH} characters (UTF-16 code units) after trimming. Empty or null is none. ${ONE_LINE}`
      }),
    {
      wanted: `a string of at most ${MAX_NAME_LENGTH} characters`,
      mistakenFor: {
        names: ['author', 'author_name', 'display_name', 'nick', 'nickname', 'owner_name'],
        message: 'Send `name`: what to call you.'
      }
    }
  )
}

export const createChatBody = z.object(profileMembers).meta({ example: {} })

const INVITES = 'Send `anyone` or `members`.'
const invites = z.enum(['anyone', 'members'], INVITES).meta({
  description:
    'Who can create links: `anyone` who knows the URL of the chat, or only `members`. It is `anyone` until you choose or remove somebody.'
})

export const changeChatBody = z
  .object({
    ...profileMembers,
    invites: member(invites.optional(), { wanted: '`anyone` or `members`' }),
    user_id: userIdMember
  })
  .meta({ example: {} })

/** What the owner can change. */
export const ownProfile = z
  .object({
    title: titleAnswer,
    name: z
      .string()
      .nullable()
      .meta({ description: "The owner's name, or null.", examples: ['Olga'] }),
    invites
  })
  .meta({ id: 'ChatProfile' })

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
  .object({
    id: eventId,
    text: z.string().meta({ examples: ['Hello, Ana'] }),
    created_at: time,
    from: sender.nullable().meta({
      description:
        'Who posted it, by the right that was used: `owner`, or the `request_id` of the member. Null in messages stored by versions that did not record it. For names see the members of the chat.',
      examples: ['owner']
    })
  })
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
    you: sender.meta({
      description: 'Who you are here: `owner`, or your `request_id`. See `from`.',
      examples: ['owner']
    }),
    title: titleAnswer,
    invites,
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

export const membersQuery = z.object({
  all: member(
    emptyIsNone(z.enum(['true', 'false'], 'Send `true` or `false`.').optional()).meta({
      description: 'With `true`, return also those who were in the chat and are not any more. Default: false.'
    }),
    {}
  ),
  user_id: userIdMember
})

export const chatMember = z
  .object({
    from: sender,
    name: z
      .string()
      .nullable()
      .meta({ description: 'The name that they gave, or null.', examples: ['Ana'] }),
    since: time.meta({ description: 'When they were let in last. Of the owner: when the chat was created.' }),
    until: time
      .nullable()
      .meta({ description: 'When they left or were removed. Null for those who are in.', examples: [null] })
  })
  .meta({ id: 'Member' })

export const members = z
  .object({
    members: z.array(chatMember).meta({ description: 'The owner first, then in the order in which they were let in.' }),
    last_event_id: eventId.meta({
      description:
        'The event id up to which this list is complete. The events `member_joined` and `member_left` after it change it.'
    })
  })
  .meta({ id: 'Members' })
