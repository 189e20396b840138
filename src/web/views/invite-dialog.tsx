/** Creates an invitation to copy, to share through the system's dialog, or to scan. */
import { useSignal } from '@preact/signals'
import { invitationUrl } from '../state/address.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { sentenceFor } from '../state/errors.ts'
import { CopyButton, Dialog } from './parts.tsx'
import { QrCode } from './qr-code.tsx'

const TIMES = [
  { label: 'Never', seconds: 0 },
  { label: 'In an hour', seconds: 3600 },
  { label: 'In a day', seconds: 86_400 },
  { label: 'In a week', seconds: 604_800 }
]
const GUESTS = [0, 1, 2, 5, 10, 50]

export function InviteDialog({ session, name, close }: { session: ChatSession; name: string; close: () => void }) {
  const seconds = useSignal(0)
  const guests = useSignal(0)
  const link = useSignal('')
  const error = useSignal('')
  const isOwner = session.isOwner.value

  async function create(event: Event): Promise<void> {
    event.preventDefault()
    error.value = ''
    try {
      const created = await session.chat.invite({
        ...(seconds.value > 0 && { expiresIn: seconds.value }),
        ...(guests.value > 0 && { maxGuests: guests.value })
      })
      link.value = invitationUrl(created.link)
    } catch (cause) {
      error.value = sentenceFor(cause)
    }
  }

  return (
    <Dialog title="Invite" close={close}>
      {link.value === '' ? (
        <form onSubmit={create}>
          <p>Anyone with the link can ask to join. {isOwner ? 'You approve' : 'The host approves'} each person.</p>
          <div class="pair">
            <label>
              Expires
              <select value={seconds.value} onChange={(event) => (seconds.value = Number(event.currentTarget.value))}>
                {TIMES.map((time) => (
                  <option key={time.seconds} value={time.seconds}>
                    {time.label}
                  </option>
                ))}
              </select>
            </label>
            <label>
              Who can use it
              <select value={guests.value} onChange={(event) => (guests.value = Number(event.currentTarget.value))}>
                {GUESTS.map((count) => (
                  <option key={count} value={count}>
                    {count === 0
                      ? `Anyone ${isOwner ? 'you approve' : 'the host approves'}`
                      : count === 1
                        ? '1 person'
                        : `${count} people`}
                  </option>
                ))}
              </select>
            </label>
          </div>
          <button type="submit" class="primary wide">
            Make a link
          </button>
          <p role="alert" class="error">
            {error.value}
          </p>
        </form>
      ) : (
        <CreatedLink link={link.value} name={name} />
      )}
    </Dialog>
  )
}

function CreatedLink({ link, name }: { link: string; name: string }) {
  const share = (): void => {
    // AbortError: the person cancelled; NotAllowedError: a policy forbids it. The link can still be copied.
    navigator
      .share({
        title: 'Silly Chat',
        text: name === '' ? "You're invited to a chat" : `${name} is inviting you to a chat`,
        url: link
      })
      .catch(() => undefined)
  }
  return (
    <>
      <p>Share this link</p>
      <p class="address" dir="ltr" data-next tabIndex={-1}>
        {link}
      </p>
      <div class="actions">
        {typeof navigator.share === 'function' && (
          <button type="button" onClick={share}>
            Share…
          </button>
        )}
        <CopyButton text={link} what="link" />
      </div>
      <QrCode text={link} label="Invite link as a QR code" />
    </>
  )
}
