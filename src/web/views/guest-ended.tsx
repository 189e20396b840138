/** The view after a request has ended without an approval: what happened, and what the guest can do. */
import { homeAddress } from '../state/address.ts'
import { Card } from './parts.tsx'

interface Ending {
  readonly title: string
  readonly text: string
  readonly again?: true
}

const NEW_LINK = 'Ask the person who invited you for a new one.'

const ENDINGS: Record<string, Ending> = {
  declined: {
    title: 'The owner has said no',
    text: 'Your request was declined. Should the owner let you in after all, open the invitation again and you are in.',
    again: true
  },
  left: {
    title: 'You are not asking any more',
    text: 'Your request is taken back. You may ask again at any time.',
    again: true
  },
  'link-expired': { title: 'This invitation has run out', text: NEW_LINK },
  'link-revoked': { title: 'This invitation was taken back', text: NEW_LINK },
  'link-full': { title: 'This invitation is used up', text: `As many people as it admits have come in. ${NEW_LINK}` },
  'chat-closed': {
    title: 'This chat is closed',
    text: 'Its owner has closed it, or nothing happened in it for too long. There is nothing to come into any more.'
  },
  'link-not-found': {
    title: 'This invitation leads nowhere',
    text: `The chat was closed, or the address is not complete. ${NEW_LINK}`
  },
  'not-this-guest': { title: 'This browser has no place at this door', text: 'You may ask again.', again: true }
}

const UNKNOWN: Ending = { title: 'That did not work', text: 'Something went wrong. You may ask again.', again: true }

interface GuestEndedProps {
  readonly kind: string
  /** What the host says. */
  readonly note: string | undefined
  readonly again: () => void
}

export function GuestEnded({ kind, note, again }: GuestEndedProps) {
  const { title, text, again: canAskAgain } = ENDINGS[kind] ?? UNKNOWN
  return (
    <Card title={title}>
      <p class="lead">{text}</p>
      {note !== undefined && (
        <blockquote class="quote" dir="auto">
          {note}
        </blockquote>
      )}
      <div class="actions">
        {canAskAgain === true && (
          <button type="button" class="primary" onClick={again}>
            Ask again
          </button>
        )}
        <a class="button" href={homeAddress()}>
          To the start
        </a>
      </div>
    </Card>
  )
}
