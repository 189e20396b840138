/** The page: chooses the view for its address. */
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { cleanAddress, currentPlace, type Place } from './state/address.ts'
import { chatBehind, chatKey } from './state/keys.ts'
import { canReload, guardMemory } from './state/risks.ts'
import './style.css'
import { ChatPage } from './views/chat-page.tsx'
import { GuestPage } from './views/guest-page.tsx'
import { HandoverPage } from './views/handover-page.tsx'
import { NotInPage } from './views/notices.tsx'
import { StartPage } from './views/start-page.tsx'
import { UnreadablePage } from './views/unreadable-page.tsx'

function read(): Place {
  const place = currentPlace()
  cleanAddress(place)
  return place
}

function Page() {
  const [place, setPlace] = useState(read)
  useEffect(() => {
    // Also when only the fragment changes.
    const onPopState = (): void => setPlace(read())
    addEventListener('popstate', onPopState)
    return () => removeEventListener('popstate', onPopState)
  }, [])

  if (place.is === 'start') return <StartPage />
  if (place.is === 'unreadable') return <UnreadablePage />
  if (place.is === 'link')
    return <GuestPage key={place.path} url={place.url} path={place.path} inside={chatBehind(place.path)} />
  if (place.is === 'handover') return <HandoverPage key={place.key} url={place.url} secret={place.key} />
  const key = chatKey(place.path)
  if (key === undefined) return <NotInPage />
  return <ChatPage key={place.path} url={place.url} path={place.path} own={key} />
}

// A page from the back/forward cache has lost its connections. If a reload would lose data, they reconnect later.
addEventListener('pageshow', ({ persisted }) => persisted && canReload() && location.reload())
guardMemory()

const app = document.getElementById('app')
// Otherwise index.html's own text stays, which says which browser is needed.
if (app !== null && !document.documentElement.classList.contains('outdated')) {
  app.replaceChildren()
  render(<Page />, app)
}
