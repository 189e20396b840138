/** How somebody notices what happens here from another tab or another program. */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import type { JoinRequest } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'

/** The tab's title counts who waits and what was not seen; a notification tells of knocks where that is allowed. */
export function useAttention(session: ChatSession, label: string): void {
  const [unseen, setUnseen] = useState(0)
  useEffect(() => {
    session.onMessage = () => {
      if (!isSeen()) setUnseen((count) => count + 1)
    }
    session.onKnock = (request) => {
      if (!isSeen()) notify(request)
    }
    const look = (): void => {
      if (isSeen()) setUnseen(0)
    }
    document.addEventListener('visibilitychange', look)
    addEventListener('focus', look)
    return () => {
      document.removeEventListener('visibilitychange', look)
      removeEventListener('focus', look)
    }
  }, [session])

  const waiting = session.waiting.value.length
  // With what it counts, not after it: a tab that nobody sees is drawn late.
  useLayoutEffect(() => {
    const counted = waiting > 0 ? `(${waiting}) at the door – ` : unseen > 0 ? `(${unseen}) ` : ''
    document.title = counted + (label === '' ? 'Silly Chat' : `${label} – Silly Chat`)
  }, [waiting, unseen, label])
}

/** A window behind that of another program is in view, but nobody looks. */
function isSeen(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}

/** Whether the page may show notifications, or ask whether it may. */
export function notifyPermission(): NotificationPermission {
  try {
    return Notification.permission
  } catch {
    // ReferenceError: the browser has none; SecurityError: it has none for this page.
    return 'denied'
  }
}

function notify({ name, request_id }: JoinRequest): void {
  if (notifyPermission() !== 'granted') return
  try {
    const notification = new Notification('Somebody knocks', {
      body: `${name ?? 'No name'} · ${request_id}`,
      tag: request_id
    })
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
  } catch {
    // TypeError: some browsers on telephones have the name, but make none from a page.
  }
}
