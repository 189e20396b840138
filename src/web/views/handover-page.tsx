/** The view of a handover: takes the keys that another device has left, once and after a click. */
import { useState } from 'preact/hooks'
import { canSeal, KeyringError, readKeyring, SillyChatError, takeHandover, unseal } from '../../client/index.ts'
import { dropFragment, homeAddress, navigate } from '../state/address.ts'
import { type Adopted, adopt } from '../state/adopt.ts'
import { sentenceFor } from '../state/errors.ts'
import { AdoptedPage, openAdopted } from './adopted-page.tsx'
import { Card, StorageWarning } from './parts.tsx'

/** `secret` opens the text that the server keeps at `url`. */
export function HandoverPage({ url, secret }: { url: string; secret: string | undefined }) {
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const [isGone, setGone] = useState(false)
  const [adopted, setAdopted] = useState<Adopted>()

  if (adopted !== undefined) return <AdoptedPage adopted={adopted} />
  if (isGone) return <GonePage />
  if (secret === undefined) return <KeylessPage />
  if (!canSeal()) return <PlainHttpPage />

  async function take(key: string): Promise<void> {
    // Before anything is sent. From here on the key is only in the memory of this page.
    dropFragment()
    setBusy(true)
    setError('')
    try {
      const taken = adopt(readKeyring(await unseal(await takeHandover(url), key)))
      if (!openAdopted(taken, { replace: true })) setAdopted(taken)
    } catch (cause) {
      if (cause instanceof SillyChatError && cause.kind === 'handover-not-found') setGone(true)
      else setError(cause instanceof KeyringError ? cause.message : sentenceFor(cause))
      setBusy(false)
    }
  }

  return (
    <Card title="Use this chat here?" eyebrow="From another device">
      <p class="lead">
        Anyone with this link can read and write as the person who made it. Only continue if you just made it yourself,
        on your own device.
      </p>
      <StorageWarning />
      <div class="actions">
        <button type="button" class="primary" disabled={isBusy} onClick={() => take(secret)}>
          Use it here
        </button>
        <button type="button" onClick={() => navigate(homeAddress(), { replace: true })}>
          Cancel
        </button>
      </div>
      <p role="alert" class="error">
        {error}
      </p>
    </Card>
  )
}

function GonePage() {
  return (
    <Card title="This link no longer works">
      <p class="lead">It works once, for ten minutes. It has been used already, or it has expired.</p>
      <p>
        If you used it yourself, all is well. If it expired, choose “Use on another device” again on the device that
        made it.
      </p>
      <p>
        Otherwise, someone else used it and can now read and write as you. Leave the chat on the other device and ask to
        join again. If you're the host, close the chat and start a new one.
      </p>
      <Home />
    </Card>
  )
}

function KeylessPage() {
  return (
    <Card title="This link isn't complete">
      <p class="lead">
        The part after # is missing. It was cut off, or this page removed it when you used the link. Copy the whole
        link, or make a new one on your other device.
      </p>
      <Home />
    </Card>
  )
}

function PlainHttpPage() {
  return (
    <Card title="This link can't be opened here">
      <p class="lead">
        This page was opened over plain http, where browsers can't decrypt. Copy the key by hand on your other device,
        and paste it on the start page here.
      </p>
      <Home />
    </Card>
  )
}

function Home() {
  return (
    <p>
      <a class="button" href={homeAddress()}>
        Go to the start page
      </a>
    </p>
  )
}
