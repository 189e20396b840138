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
    <Card title="Use a chat on this device?" eyebrow="From another device">
      <p class="lead">
        This link holds a key to a chat. Only continue if you have just made it yourself, on a device of your own.
      </p>
      <StorageWarning />
      <div class="actions">
        <button type="button" class="primary" disabled={isBusy} onClick={() => take(secret)}>
          Use it here
        </button>
        <button type="button" onClick={() => navigate(homeAddress(), { replace: true })}>
          No
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
    <Card title="This link does not work any more">
      <p class="lead">It works once, and for ten minutes. Somebody has already used it, or the time is over.</p>
      <p>
        If you have used it yourself, all is well. If the time is over, choose “Use on another device” once more, on the
        device that made it.
      </p>
      <p>
        If neither is the case, somebody else has used it and can now read and write as you. Leave the chat on the other
        device and ask to join again. If you are its owner, close it and start a new one.
      </p>
      <Home />
    </Card>
  )
}

function KeylessPage() {
  return (
    <Card title="This link is not complete">
      <p class="lead">
        The part after # is missing: it was cut off, or this page has removed it when you used the link. Copy the whole
        link, or make a new one on the other device.
      </p>
      <Home />
    </Card>
  )
}

function PlainHttpPage() {
  return (
    <Card title="This link cannot be opened here">
      <p class="lead">
        This page was opened over plain http, where browsers cannot decrypt. Copy the key by hand on the other device,
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
        To the start
      </a>
    </p>
  )
}
