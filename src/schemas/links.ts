/** The wire of `/v1/links`. */
import { z } from 'zod'
import { MAX_NAME_LENGTH, problemOfName } from '../names.ts'
import {
  chatUrlAnswer,
  chatUrlInput,
  EXAMPLE,
  inWords,
  linkUrlAnswer,
  requestId,
  time,
  userIdAnswer,
  userIdMember,
  waitSeconds
} from './common.ts'
import { requestState } from './join-requests.ts'
import { member } from './members.ts'

export const linkParams = z.object({
  link: z.string().meta({ description: 'The opaque part of the link URL. A secret.' })
})

const SECONDS = { min: 60, max: 31_536_000 }
const GUESTS = { min: 1, max: 1000 }

function between({ min, max }: { min: number; max: number }, noun: string) {
  const wanted = `Send a whole number of ${noun} from ${min} to ${inWords(max)}.`
  return z.int(wanted).min(min, wanted).max(max, wanted).nullish()
}

export const createLinkBody = z
  .object({
    chat: chatUrlInput,
    expires_in: member(
      between(SECONDS, 'seconds').meta({ description: 'In how many seconds the link stops working.' }),
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
        description: 'How many guests it admits at the same time; then it is full for good.'
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

const expiresAt = time.nullable().meta({ description: 'When the link stops working; null is never.', examples: [null] })
const maxGuests = z
  .int()
  .nullable()
  .meta({ description: 'How many guests it admits at the same time; null is any number.', examples: [null] })

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
            pending: z.int().meta({ description: 'How many wait at it.', examples: [0] }),
            approved: z.int().meta({ description: 'How many came in through it and are in.', examples: [1] }),
            created_at: time
          })
          .meta({ id: 'CountedLink' })
      )
      .meta({
        description:
          'Oldest first: all that are open or that a request in the list of requests came through, and the latest 200 others.'
      })
  })
  .meta({ id: 'Links' })

const name = z
  .string('Send one name.')
  .trim()
  .superRefine((value, context) => {
    const problem = problemOfName(value)
    if (problem !== '') context.addIssue(problem)
  })

export const exchangeQuery = z.object({
  name: member(
    name.optional().meta({
      description: `What to call you, for the owner to see: at most ${MAX_NAME_LENGTH} characters (UTF-16 code units) without spaces around them. Empty counts as none. At least one letter, number, punctuation mark or symbol that can be seen; no control characters, no formatting characters but the joiners U+200C and U+200D, at most four combining marks in a row.`,
      examples: ['Ana']
    }),
    {
      wanted: `a string of at most ${MAX_NAME_LENGTH} characters`,
      mistakenFor: { names: ['display_name', 'nick', 'nickname'], message: 'Send `name`: what to call you.' }
    }
  ),
  wait: waitSeconds(
    'Wait so many seconds for the decision. Hanging up before the answer has come takes the request back, since its client_id is lost.'
  ),
  user_id: userIdMember
})

export const exchange = z
  .object({
    link: linkUrlAnswer,
    request_sent_status: z.boolean().meta({ description: 'Whether this user id has a join request at this link.' }),
    approval_status: z.boolean(),
    state: requestState,
    chat: z.url().nullable().meta({ description: "The chat's secret URL, once approved." }),
    client_id: userIdAnswer.nullable().meta({
      description: "The guest's user id, made when the link was opened without one. Keep it: it is the way in."
    }),
    request_id: requestId.nullable(),
    events: z.url().meta({ description: 'The stream to follow: of the link while pending, then of the chat.' }),
    message: z.string().meta({ description: 'What to do next, for people.' })
  })
  .meta({ id: 'Exchange' })
