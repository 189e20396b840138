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
    title: "You weren't let in",
    text: 'The host declined your request. If they change their mind, open the link again.',
    again: true
  },
  left: {
    title: 'Request cancelled',
    text: 'You can ask again at any time.',
    again: true
  },
  'link-expired': { title: 'This invite has expired', text: NEW_LINK },
  'link-revoked': { title: 'This invite was cancelled', text: NEW_LINK },
  'link-full': { title: 'This invite is full', text: `It has let in as many people as it was made for. ${NEW_LINK}` },
  'chat-closed': {
    title: 'This chat is closed',
    text: "It was closed, or the server no longer has it. You can't join it anymore."
  },
  'link-not-found': {
    title: "This invite link doesn't work",
    text: `The chat was closed, or the link isn't complete. ${NEW_LINK}`
  },
  'not-this-guest': { title: 'This browser has no request here', text: 'You can ask again.', again: true }
}

const UNKNOWN: Ending = { title: "That didn't work", text: 'Something went wrong. You can ask again.', again: true }

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
          Go to the start page
        </a>
      </div>
    </Card>
  )
}
