/** Who waits at the door, above everything else, and how the owner notices it in another tab. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { JoinRequest } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { sentenceFor } from '../state/errors.ts'

export function DoorPanel({ session }: { session: ChatSession }) {
  const waiting = session.waiting.value
  return (
    <section class="door" aria-label="At the door" hidden={waiting.length === 0}>
      <p class="door-title" role="status">
        {waiting.length === 1 ? 'Somebody knocks' : waiting.length > 1 ? `${waiting.length} people knock` : ''}
      </p>
      <ul class="plain">
        {waiting.map((request) => (
          <Knock key={request.request_id} session={session} request={request} />
        ))}
      </ul>
      <NotifyOffer />
    </section>
  )
}

function Knock({ session, request }: { session: ChatSession; request: JoinRequest }) {
  const busy = useSignal(false)
  const error = useSignal('')
  const { name, request_id: id, link } = request
  const who = name ?? 'No name'

  async function decide(approve: boolean): Promise<void> {
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
        <button type="button" disabled={busy.value} onClick={() => decide(false)} aria-label={`Decline ${who}, ${id}`}>
          Decline
        </button>
        <button
          type="button"
          class="primary"
          disabled={busy.value}
          onClick={() => decide(true)}
          aria-label={`Approve ${who}, ${id}`}
        >
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
      onClick={async () => (permission.value = await Notification.requestPermission())}
    >
      Tell me about knocks in other windows, too
    </button>
  )
}

/** The tab's title counts who waits; a notification says it where that is allowed. */
export function useKnockSigns(session: ChatSession): void {
  const waiting = session.waiting.value
  const known = useRef(new Set<string>())
  useEffect(() => {
    document.title = waiting.length === 0 ? 'Silly Chat' : `(${waiting.length}) at the door – Silly Chat`
    const fresh = waiting.filter(({ request_id }) => !known.current.has(request_id))
    known.current = new Set(waiting.map(({ request_id }) => request_id))
    if (fresh.length === 0 || document.visibilityState === 'visible') return
    if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return
    for (const { name, request_id } of fresh) {
      const notification = new Notification('Somebody knocks', {
        body: `${name ?? 'No name'} · ${request_id}`,
        tag: request_id
      })
      notification.onclick = () => window.focus()
    }
  }, [waiting])
}
