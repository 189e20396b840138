/** Views with one message: not a member, the chat has ended, or a hand-over from another device. */
import { type Carried, homeAddress } from '../state/address.ts'
import type { Ending } from '../state/chat-session.ts'
import { chatKey, forgetChat, saveChat } from '../state/keys.ts'
import { dropAllOf } from '../state/storage.ts'
import { Card } from './parts.tsx'

export function NotInPage() {
  return (
    <Card title="This address lets nobody in" eyebrow="A chat, but not one of this browser">
      <p class="lead">
        It is the address of a chat for those who are in already. To come in, ask somebody in the chat for an
        invitation, open that, and wait until the owner lets you in.
      </p>
      <p>
        Are you in, on another device? There, choose “Carry on on another device” and open the address it shows here.
      </p>
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

/** Another device hands over a user. The person must confirm, because anybody can send such an address. */
export function AdoptPage({ path, carried, done }: { path: string; carried: Carried; done: () => void }) {
  const here = chatKey(path)
  const isSomebodyElse = here !== undefined && here.userId !== carried.userId
  function adopt(): void {
    // The other user's unsent messages must not be sent in this user's name.
    if (isSomebodyElse) dropAllOf(path)
    saveChat(path, { ...carried, since: Date.now() })
    done()
  }
  return (
    <Card title="Carry on here?" eyebrow="From another device">
      <p class="lead">
        This address holds the key to a chat
        {carried.name && (
          <>
            , as <bdi>{carried.name}</bdi>
          </>
        )}
        . Take it into this browser only if you have just asked for it on a device of your own.
      </p>
      {isSomebodyElse && here.hasEnded !== true && (
        <p class="error">
          You are in this chat here already, as {here.name === '' ? 'somebody else' : <bdi>{here.name}</bdi>}. That key
          would be replaced and be lost.
        </p>
      )}
      <p>Whoever has this key reads and writes as the same person. It is no longer in the address bar.</p>
      <div class="actions">
        <button type="button" class="primary" onClick={adopt}>
          Carry on here
        </button>
        <button type="button" onClick={done}>
          No
        </button>
      </div>
    </Card>
  )
}
