/** Creates an invitation to copy, to share through the system's dialog, or to scan. */
import { useSignal } from '@preact/signals'
import { invitationUrl } from '../state/address.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { sentenceFor } from '../state/errors.ts'
import { CopyButton, Dialog } from './parts.tsx'
import { QrCode } from './qr-code.tsx'

const TIMES = [
  { label: 'for ever', seconds: 0 },
  { label: 'an hour', seconds: 3600 },
  { label: 'a day', seconds: 86_400 },
  { label: 'a week', seconds: 604_800 }
]
const GUESTS = [0, 1, 2, 5, 10, 50]

export function InviteDialog({ session, close }: { session: ChatSession; close: () => void }) {
  const seconds = useSignal(0)
  const guests = useSignal(0)
  const link = useSignal('')
  const error = useSignal('')

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
          <p>Make a link and send it. Whoever opens it knocks at the door; nobody comes in without the owner.</p>
          <div class="pair">
            <label>
              It works for
              <select value={seconds.value} onChange={(event) => (seconds.value = Number(event.currentTarget.value))}>
                {TIMES.map((time) => (
                  <option key={time.seconds} value={time.seconds}>
                    {time.label}
                  </option>
                ))}
              </select>
            </label>
            <label>
              It admits
              <select value={guests.value} onChange={(event) => (guests.value = Number(event.currentTarget.value))}>
                {GUESTS.map((count) => (
                  <option key={count} value={count}>
                    {count === 0 ? 'anybody you approve' : count === 1 ? '1 guest' : `${count} guests`}
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
        <CreatedLink link={link.value} />
      )}
    </Dialog>
  )
}

function CreatedLink({ link }: { link: string }) {
  const share = (): void => {
    // AbortError: the person cancelled; NotAllowedError: a policy forbids it. The link can still be copied.
    navigator.share({ title: 'Silly Chat', text: 'Come into my chat:', url: link }).catch(() => undefined)
  }
  return (
    <>
      <p>Send this to whom you want to talk to:</p>
      <p class="address" dir="ltr" data-next tabIndex={-1}>
        {link}
      </p>
      <div class="actions">
        {typeof navigator.share === 'function' && (
          <button type="button" onClick={share}>
            Share …
          </button>
        )}
        <CopyButton text={link} label="Copy the link" />
      </div>
      <QrCode text={link} label="The invitation as a QR code" />
    </>
  )
}
