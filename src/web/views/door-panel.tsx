/** Who waits at the door, above everything else. */
import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { JoinRequest } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { sentenceFor } from '../state/errors.ts'
import { focusOn } from './parts.tsx'

export function DoorPanel({ session }: { session: ChatSession }) {
  const waiting = session.waiting.value
  const panel = useRef<HTMLElement>(null)
  const hadFocus = useRef(false)
  // Who has decided goes on with the next, or with the chat.
  useLayoutEffect(() => {
    if (hadFocus.current && document.activeElement === document.body) focusOn('.door .primary', '#composer')
    hadFocus.current = panel.current?.contains(document.activeElement) === true
  }, [waiting])
  return (
    // Never hidden: what appears in it is to be read out.
    <section
      ref={panel}
      onFocusIn={() => (hadFocus.current = true)}
      class={waiting.length === 0 ? 'door nobody' : 'door'}
      aria-label="At the door"
      aria-live="polite"
    >
      <p class="door-title">
        {waiting.length === 1 ? 'Somebody knocks' : waiting.length > 1 ? `${waiting.length} people knock` : ''}
      </p>
      <ul class="plain">
        {waiting.map((request) => (
          <Knock key={request.request_id} session={session} request={request} />
        ))}
      </ul>
      {waiting.length > 0 && <NotifyOffer />}
    </section>
  )
}

function Knock({ session, request }: { session: ChatSession; request: JoinRequest }) {
  const busy = useSignal(false)
  const error = useSignal('')
  const { name, request_id: id, link } = request
  const who = name ?? 'No name'

  async function decide(approve: boolean): Promise<void> {
    if (busy.value) return
    busy.value = true
    error.value = ''
    try {
      await (approve ? session.chat.approve(link, id) : session.chat.decline(link, id))
    } catch (cause) {
      error.value = sentenceFor(cause)
    }
    busy.value = false
  }

  return (
    <li class="knock">
      <p class="who">
        <bdi class="name">{who}</bdi>
        <span class="code">{id}</span>
      </p>
      <div class="actions">
        <button type="button" onClick={() => decide(false)} aria-label={`Decline ${who}, ${id}`}>
          Decline
        </button>
        <button type="button" class="primary" onClick={() => decide(true)} aria-label={`Approve ${who}, ${id}`}>
          Approve
        </button>
      </div>
      {error.value !== '' && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
    </li>
  )
}

/** A system notification, for those who want it: asked for only when somebody has knocked. */
function NotifyOffer() {
  const permission = useSignal(typeof Notification === 'undefined' ? 'denied' : Notification.permission)
  if (permission.value !== 'default') return null
  return (
    <button
      type="button"
      class="quiet"
      onClick={async () => {
        permission.value = await Notification.requestPermission()
        focusOn('.door .primary', '#composer')
      }}
    >
      Tell me about knocks in other windows, too
    </button>
  )
}
