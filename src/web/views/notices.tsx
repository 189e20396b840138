/** Views with one message: not a member, or the chat has ended. */
import { useState } from 'preact/hooks'
import { homeAddress } from '../state/address.ts'
import type { Adopted } from '../state/adopt.ts'
import type { Ending } from '../state/chat-session.ts'
import { forgetChat } from '../state/keys.ts'
import { AdoptedPage } from './adopted-page.tsx'
import { Card } from './parts.tsx'
import { PasteKey } from './paste-key.tsx'

export function NotInPage() {
  const [adopted, setAdopted] = useState<Adopted>()
  if (adopted !== undefined) return <AdoptedPage adopted={adopted} />
  return (
    <Card title="You're not in this chat on this browser" eyebrow="Private chat">
      <p class="lead">
        This address only works for people who are already in the chat. To join, ask someone in the chat for an invite
        link. The host then lets you in.
      </p>
      <p>
        Using this chat on another device? Choose “Use on another device” there, and open the link it shows you here.
      </p>
      <p>If you cleared this browser's data, only a key from another device gets you back in.</p>
      <PasteKey onAdopted={setAdopted} />
      <p>
        <a class="button" href={homeAddress()}>
          Go to the start page
        </a>
      </p>
    </Card>
  )
}

const ENDINGS: Record<Ending, { title: string; text: string }> = {
  removed: {
    title: "You're no longer in this chat",
    text: "The host removed you, so you can't read or write here anymore."
  },
  left: { title: 'You left this chat', text: 'To come back, ask for a new invite.' },
  closed: {
    title: 'This chat is closed',
    text: 'It was closed, or the server no longer has it. All messages are gone.'
  }
}

export function EndedPage({ path, reason }: { path: string; reason: Ending }) {
  const { title, text } = ENDINGS[reason]
  return (
    <Card title={title}>
      <p class="lead">{text}</p>
      <p>
        <a class="button" href={homeAddress()} onClick={() => forgetChat(path)}>
          Remove from my list
        </a>
      </p>
    </Card>
  )
}
