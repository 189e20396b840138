/** Signals for people who are looking at another tab or program. */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import type { JoinRequest } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'

/** Shows the numbers of pending guests and unseen messages in the title, and a notification for each knock if permitted. */
export function useAttention(session: ChatSession, label: string): void {
  const [unseen, setUnseen] = useState(0)
  useEffect(() => {
    session.onMessage = () => {
      if (!isSeen()) setUnseen((count) => count + 1)
    }
    session.onKnock = (request) => {
      if (!isSeen()) notify(request)
    }
    const onAttention = (): void => {
      if (isSeen()) setUnseen(0)
    }
    document.addEventListener('visibilitychange', onAttention)
    addEventListener('focus', onAttention)
    return () => {
      document.removeEventListener('visibilitychange', onAttention)
      removeEventListener('focus', onAttention)
    }
  }, [session])

  const waiting = session.waiting.value.length
  // A layout effect: browsers delay the rendering, and so the other effects, of hidden tabs.
  useLayoutEffect(() => {
    const prefix = waiting > 0 ? `(${waiting}) waiting – ` : unseen > 0 ? `(${unseen}) ` : ''
    document.title = prefix + (label === '' ? 'Silly Chat' : `${label} – Silly Chat`)
  }, [waiting, unseen, label])
}

/** A window can be visible while the person uses another program, so the focus counts, too. */
function isSeen(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}

/** Whether the page can show notifications, or ask for the permission. */
export function notifyPermission(): NotificationPermission {
  try {
    return Notification.permission
  } catch {
    // ReferenceError: the browser has no notifications; SecurityError: they are forbidden for this page.
    return 'denied'
  }
}

function notify({ name, request_id }: JoinRequest): void {
  if (notifyPermission() !== 'granted') return
  try {
    const notification = new Notification(`${name ?? 'Someone'} wants to join`, {
      body: `Their code: ${request_id}`,
      tag: request_id
    })
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
  } catch {
    // TypeError: browsers on Android allow notifications only from a service worker.
  }
}
