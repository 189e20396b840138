/** The page: which view its address asks for. */
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type Carried, currentPlace, takeCarried } from './state/address.ts'
import { chatBehind, chatKey } from './state/keys.ts'
import { canKeep } from './state/storage.ts'
import './style.css'
import { ChatPage } from './views/chat-page.tsx'
import { GuestPage } from './views/guest-page.tsx'
import { AdoptPage, NothingKeptPage, NotInPage } from './views/notices.tsx'
import { StartPage } from './views/start-page.tsx'
import { UnreadablePage } from './views/unreadable-page.tsx'

function Page() {
  const [place, setPlace] = useState(currentPlace)
  const [carried, setCarried] = useState<Carried | undefined>(takeCarried)
  useEffect(() => {
    // Once for every change: what is carried is gone from the address when one looks again, as on hashchange.
    const look = (): void => {
      setCarried(takeCarried())
      setPlace(currentPlace())
    }
    addEventListener('popstate', look)
    return () => removeEventListener('popstate', look)
  }, [])

  if (place.is === 'start') return <StartPage />
  if (place.is === 'unreadable') return <UnreadablePage />
  if (place.is === 'link')
    return <GuestPage key={place.path} url={place.url} path={place.path} inside={chatBehind(place.path)} />
  if (carried !== undefined) return <AdoptPage path={place.path} carried={carried} done={() => setCarried(undefined)} />
  const key = chatKey(place.path)
  if (key === undefined) return <NotInPage />
  return <ChatPage key={place.path} url={place.url} path={place.path} own={key} />
}

// A page that the browser had put aside has lost its connections.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())

const app = document.getElementById('app')
if (app !== null) {
  app.replaceChildren()
  render(canKeep() ? <Page /> : <NothingKeptPage />, app)
}
