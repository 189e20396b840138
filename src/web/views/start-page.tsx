/** The start page: starts a chat, and lists the chats of this browser. */
import { useState } from 'preact/hooks'
import { createChat } from '../../client/index.ts'
import { navigate, serverBase } from '../state/address.ts'
import type { Adopted } from '../state/adopt.ts'
import { shortDay } from '../state/days.ts'
import { sentenceFor } from '../state/errors.ts'
import { livingChats, saveChat } from '../state/keys.ts'
import { labelFor } from '../state/names.ts'
import { AdoptedPage } from './adopted-page.tsx'
import { Card, NameField, StorageWarning, useName } from './parts.tsx'
import { PasteKey } from './paste-key.tsx'

export function StartPage() {
  const name = useName()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const [adopted, setAdopted] = useState<Adopted>()
  const chats = livingChats().reverse()

  async function start(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setError('')
    try {
      const chat = await createChat(serverBase())
      const path = new URL(chat.url).pathname
      saveChat(path, { userId: chat.userId, name: name.value, since: Date.now() })
      navigate(path)
    } catch (cause) {
      setError(sentenceFor(cause))
      setBusy(false)
    }
  }

  if (adopted !== undefined) return <AdoptedPage adopted={adopted} />
  return (
    <Card title="Silly Chat" eyebrow="No account. No app. No phone number.">
      <p class="lead">Start a private chat and share the link. Nobody gets in until you say yes.</p>
      <StorageWarning />
      <form onSubmit={start}>
        <NameField name={name} hint="What others will see (optional)" />
        <button type="submit" class="primary wide" disabled={busy || name.problem !== ''}>
          {busy ? 'Starting…' : 'Start a chat'}
        </button>
        <p role="alert" class="error">
          {error}
        </p>
      </form>
      {chats.length > 0 && (
        <section aria-labelledby="your-chats">
          <h2 id="your-chats">Your chats on this browser</h2>
          <ul class="plain">
            {chats.map(([path, { name: own, since, link, others = [] }]) => (
              <li key={path}>
                <a class="row" href={path}>
                  <span>
                    <bdi>{labelFor(others) || (link === undefined ? 'Untitled chat (yours)' : 'Chat you joined')}</bdi>
                    {own && (
                      <span class="note">
                        {' '}
                        as <bdi>{own}</bdi>
                      </span>
                    )}
                  </span>
                  <time dateTime={new Date(since).toISOString()}>{shortDay(new Date(since), new Date())}</time>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      <PasteKey onAdopted={setAdopted} />
      <p class="small">
        Prefer a terminal? It all works with <a href="docs">curl and the API</a>, too.
      </p>
    </Card>
  )
}
