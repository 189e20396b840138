/** A chat: who is at the door, what is said, and what one says. */
import { useSignal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { ChatSession } from '../state/chat-session.ts'
import type { ChatKey } from '../state/keys.ts'
import { CarryDialog } from './carry-dialog.tsx'
import { Composer } from './composer.tsx'
import { DoorPanel, useKnockSigns } from './door-panel.tsx'
import { InviteDialog } from './invite-dialog.tsx'
import { Messages } from './messages.tsx'
import { EndedPage, homeAddress, NotInPage } from './notices.tsx'
import { PeopleDialog } from './people-dialog.tsx'

type Open = 'invite' | 'people' | 'carry' | undefined

export function ChatPage({ url, path, own }: { url: string; path: string; own: ChatKey }) {
  const [session, setSession] = useState<ChatSession>()
  useEffect(() => {
    const opened = new ChatSession(url, path, own.userId)
    setSession(opened)
    return () => opened.end()
  }, [url, path, own.userId])
  return session === undefined ? null : <Chat session={session} path={path} own={own} />
}

function Chat({ session, path, own }: { session: ChatSession; path: string; own: ChatKey }) {
  const open = useSignal<Open>(undefined)
  useKnockSigns(session)
  const standing = session.standing.value
  if (standing === 'not-in') return <NotInPage />
  if (standing !== 'in' && standing !== 'loading') return <EndedPage path={path} reason={standing} />
  const close = (): void => {
    open.value = undefined
  }
  return (
    <main class="chat">
      <h1 class="unseen">Chat</h1>
      <header class="top">
        <a class="brand" href={homeAddress()} aria-label="Silly Chat, all chats">
          <span aria-hidden="true">‹</span> Silly Chat
        </a>
        <LineSign session={session} />
        <nav aria-label="This chat">
          <button type="button" onClick={() => (open.value = 'people')}>
            {session.isOwner.value ? 'People' : 'More'}
          </button>
          <button type="button" class="primary" onClick={() => (open.value = 'invite')}>
            Invite
          </button>
        </nav>
      </header>
      {session.isOwner.value && <DoorPanel session={session} />}
      <Messages session={session} own={own.name} />
      <Composer session={session} path={path} own={own.name} />
      {open.value === 'invite' && <InviteDialog session={session} close={close} />}
      {open.value === 'people' && (
        <PeopleDialog session={session} path={path} own={own} close={close} carry={() => (open.value = 'carry')} />
      )}
      {open.value === 'carry' && <CarryDialog session={session} name={own.name} close={close} />}
    </main>
  )
}

const LINES = { connecting: 'Connecting …', live: 'Live', lost: 'No connection. Trying again …' }

function LineSign({ session }: { session: ChatSession }) {
  const line = session.line.value
  return (
    <p class={`line ${line}`} role="status">
      <span class="dot" aria-hidden="true" />
      {LINES[line]}
    </p>
  )
}
