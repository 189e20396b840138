/** Schemas of `/v1/links`. */
import { z } from 'zod'
import { MAX_ENDED_KEPT } from '../../chat/changes.ts'
import { MAX_NAME_LENGTH, MAX_NOTE_LENGTH } from '../names.ts'
import {
  chatUrlAnswer,
  chatUrlInput,
  EXAMPLE,
  formatCount,
  linkUrlAnswer,
  ONE_LINE,
  oneLine,
  requestId,
  time,
  titleAnswer,
  userIdAnswer,
  userIdMember,
  waitSeconds
} from './common.ts'
import { requestState } from './join-requests.ts'
import { member } from './members.ts'

export const linkParams = z.object({
  link: z.string().meta({ description: 'The link URL, or its last part. A secret.' })
})

const SECONDS = { min: 60, max: 31_536_000 }
const GUESTS = { min: 1, max: 1000 }

function between({ min, max }: { min: number; max: number }, noun: string) {
  const message = `Send a whole number of ${noun} from ${min} to ${formatCount(max)}.`
  return z.int(message).min(min, message).max(max, message).nullish()
}

export const createLinkBody = z
  .object({
    chat: chatUrlInput,
    expires_in: member(
      between(SECONDS, 'seconds').meta({ description: 'The link stops working after this many seconds.' }),
      {
        mistakenFor: {
          names: [
            'duration',
            'expiration',
            'expires',
            'expires_at',
            'expiry',
            'lifetime',
            'max_age',
            'ttl',
            'valid_for'
          ],
          message: 'Send `expires_in`: a number of seconds.'
        }
      }
    ),
    max_guests: member(
      between(GUESTS, 'guests').meta({
        description: 'The link stops working when this many guests are members through it at the same time.'
      }),
      {
        mistakenFor: {
          names: ['capacity', 'guests', 'max', 'max_members', 'max_users', 'max_uses', 'seats', 'uses'],
          message: 'Send `max_guests`: a number of guests.'
        }
      }
    ),
    user_id: userIdMember
  })
  .meta({ example: { chat: EXAMPLE.chat } })

const expiresAt = time
  .nullable()
  .meta({ description: 'When the link stops working. Null means never.', examples: [null] })
const maxGuests = z
  .int()
  .nullable()
  .meta({
    description: 'How many guests can be members through this link at the same time. Null means no limit.',
    examples: [null]
  })

export const link = z
  .object({
    link: linkUrlAnswer,
    chat: chatUrlAnswer,
    expires_at: expiresAt,
    max_guests: maxGuests
  })
  .meta({ id: 'Link' })

export const linksQuery = z.object({ user_id: userIdMember })

export const links = z
  .object({
    links: z
      .array(
        z
          .object({
            link: linkUrlAnswer,
            state: z.enum(['open', 'expired', 'revoked', 'full']),
            expires_at: expiresAt,
            max_guests: maxGuests,
            pending: z.int().meta({ description: 'Number of guests who are waiting for a decision.', examples: [0] }),
            approved: z
              .int()
              .meta({ description: 'Number of current members who joined through this link.', examples: [1] }),
            created_at: time,
            made_by: z
              .string()
              .nullable()
              .meta({
                description:
                  '`owner`, the `request_id` of the member who created the link, or null if it was created with the chat URL alone.',
                examples: ['owner']
              })
          })
          .meta({ id: 'CountedLink' })
      )
      .meta({
        description: `Oldest first: all links that are open or have a join request in the list of join requests, and the latest ${MAX_ENDED_KEPT} others.`
      })
  })
  .meta({ id: 'Links' })

export const exchangeQuery = z.object({
  name: member(
    oneLine(MAX_NAME_LENGTH)
      .optional()
      .meta({
        description: `Your name, shown to the owner with your join request: at most ${MAX_NAME_LENGTH} characters (UTF-16 code units) after trimming. An empty name is ignored. ${ONE_LINE}`
      }),
    {
      wanted: `a string of at most ${MAX_NAME_LENGTH} characters`,
      mistakenFor: { names: ['display_name', 'nick', 'nickname'], message: 'Send `name`: what to call you.' }
    }
  ),
  note: member(
    oneLine(MAX_NOTE_LENGTH)
      .optional()
      .meta({
        description: `What you want to tell the owner, like who you are: at most ${MAX_NOTE_LENGTH} characters, by the same rules as \`name\`.`
      }),
    {
      wanted: `a string of at most ${MAX_NOTE_LENGTH} characters`,
      mistakenFor: { names: ['comment', 'message', 'text'], message: 'Send `note`: what to tell the owner.' }
    }
  ),
  wait: waitSeconds(
    'Hold the response for up to this many seconds until the owner decides. If you disconnect before the answer, the join request is withdrawn.'
  ),
  user_id: userIdMember
})

export const exchange = z
  .object({
    link: linkUrlAnswer,
    request_sent_status: z.boolean().meta({ description: 'Whether this user id has a join request at this link.' }),
    approval_status: z.boolean(),
    state: requestState,
    chat: z.url().nullable().meta({ description: "The chat's secret URL, once the request is approved." }),
    client_id: userIdAnswer.nullable().meta({
      description:
        "The guest's user id, created when the link was opened without one. Store it: you need it to join, read and post."
    }),
    request_id: requestId.nullable(),
    title: titleAnswer,
    owner_present: z.boolean().meta({
      description:
        'Whether a live stream of the owner is open, so that they see a join request at once. It is as of this answer or event, or of half a minute before at most. A change sends no event.',
      examples: [true]
    }),
    events: z.url().meta({
      description:
        'The stream to follow: the stream of the link while the request is pending, then the stream of the chat.'
    }),
    message: z.string().meta({ description: 'What to do next, as a sentence for people.' })
  })
  .meta({ id: 'Exchange' })
