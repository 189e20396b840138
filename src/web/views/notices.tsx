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
    <Card title="This address lets nobody in" eyebrow="A chat, but not one of this browser">
      <p class="lead">
        It is the address of a chat for those who are in already. To come in, ask somebody in the chat for an
        invitation, open that, and wait until the owner lets you in.
      </p>
      <p>Are you in, on another device? There, choose “Use on another device” and open the link it shows here.</p>
      <PasteKey onAdopted={setAdopted} />
      <p>
        <a class="button" href={homeAddress()}>
          To the start
        </a>
      </p>
    </Card>
  )
}

const ENDINGS: Record<Ending, { title: string; text: string }> = {
  removed: {
    title: 'You are no longer in this chat',
    text: 'The owner has taken your access back. What was said is not shown any more.'
  },
  left: { title: 'You have left this chat', text: 'To come back, ask for a new invitation.' },
  closed: {
    title: 'This chat is closed',
    text: 'Its owner has closed it, or nothing happened in it for too long. Everything that was said is gone.'
  }
}

export function EndedPage({ path, reason }: { path: string; reason: Ending }) {
  const { title, text } = ENDINGS[reason]
  return (
    <Card title={title}>
      <p class="lead">{text}</p>
      <p>
        <a class="button" href={homeAddress()} onClick={() => forgetChat(path)}>
          Forget it and go to the start
        </a>
      </p>
    </Card>
  )
}
