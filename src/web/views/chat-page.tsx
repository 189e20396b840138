/** The view of a chat: pending guests, messages and the composer. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { homeAddress, navigate } from '../state/address.ts'
import { switchToSpareKey } from '../state/adopt.ts'
import { ChatSession, isEnding, type Line } from '../state/chat-session.ts'
import type { ChatKey } from '../state/keyring.ts'
import { changeChat } from '../state/keys.ts'
import { labelFor, splitName } from '../state/names.ts'
import { dropAllOf } from '../state/storage.ts'
import { useAttention } from './attention.ts'
import { CarryDialog } from './carry-dialog.tsx'
import { Composer } from './composer.tsx'
import { DoorPanel } from './door-panel.tsx'
import { InviteDialog } from './invite-dialog.tsx'
import { Messages } from './messages.tsx'
import { EndedPage } from './notices.tsx'
import { focusOn } from './parts.tsx'
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
  const label = useLabel(session, path, own)
  useAttention(session, label)
  const status = session.status.value
  useEffect(() => {
    if (status !== 'loading') changeChat(path, { hasEnded: isEnding(status) })
    if (status === 'closed' || status === 'left') dropAllOf(path)
    if (status === 'removed' && switchToSpareKey(path)) navigate(session.chat.url, { replace: true })
  }, [status])
  if (isEnding(status)) return <EndedPage path={path} reason={status} />
  const close = (): void => {
    open.value = undefined
    // The browser restores the focus to the element that opened the dialog, unless that was in another dialog.
    if (document.activeElement?.matches('body, dialog *') === true) focusOn('.top nav button')
  }
  return (
    <main class="chat">
      <header class={isDown(session.line.value) ? 'top down' : 'top'}>
        <a class="button icon" href={homeAddress()}>
          <span aria-hidden="true">‹</span>
          <span class="unseen">All chats</span>
        </a>
        <div class="heading">
          <h1 dir="auto">{label || 'Silly Chat'}</h1>
          <ConnectionStatus session={session} />
        </div>
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
      <Messages session={session} />
      <Composer session={session} path={path} own={own.name} />
      {open.value === 'invite' && <InviteDialog session={session} name={own.name} close={close} />}
      {open.value === 'people' && (
        <PeopleDialog session={session} path={path} own={own} close={close} carry={() => (open.value = 'carry')} />
      )}
      {open.value === 'carry' && <CarryDialog chat={session.chat.url} own={own} close={close} />}
    </main>
  )
}

/** How many names a chat's label has. */
const MAX_NAMES = 3

/** The label of the chat: the names of the latest other authors. */
function useLabel(session: ChatSession, path: string, own: ChatKey): string {
  const authors = useComputed(() => {
    const names = session.messages.value.slice(-200).map(({ text }) => splitName(text).name)
    const others = names.reverse().filter((name) => name !== '' && name !== own.name)
    return [...new Set(others)].slice(0, MAX_NAMES).sort().join('\n')
  }).value
  const others = authors === '' ? (own.others ?? []) : authors.split('\n')
  useEffect(() => {
    if (authors !== '') changeChat(path, { others: authors.split('\n') })
  }, [authors])
  return labelFor(others)
}

const LINES = {
  connecting: 'Connecting…',
  live: 'Online',
  lost: 'No connection – reconnecting…',
  broken: 'Something went wrong. Reload the page.'
}

function isDown(line: Line): boolean {
  return line === 'lost' || line === 'broken'
}

function ConnectionStatus({ session }: { session: ChatSession }) {
  const line = session.line.value
  return (
    <p class={`line ${isDown(line) ? 'lost' : line}`} role="status">
      <span class="dot" aria-hidden="true" />
      {LINES[line]}
    </p>
  )
}
