/** Hands the keys to a chat over to another device: by a link that works once, or by a copy of the keys. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { canSeal, createHandover, seal, writeKeyring } from '../../client/index.ts'
import { handoverAddress, homeAddress, serverBase } from '../state/address.ts'
import { sentenceFor } from '../state/errors.ts'
import { type ChatKey, entriesOf } from '../state/keyring.ts'
import { CopyButton, Dialog } from './parts.tsx'
import { QrCode } from './qr-code.tsx'

export function CarryDialog({ chat, own, close }: { chat: string; own: ChatKey; close: () => void }) {
  const keyring = writeKeyring(entriesOf(chat, own))
  return (
    <Dialog title="Use on another device" close={close}>
      {canSeal() ? (
        <>
          <Handover keyring={keyring} />
          <details>
            <summary>Copy the key by hand instead</summary>
            <KeyCopy keyring={keyring} />
          </details>
        </>
      ) : (
        <>
          <p>This page was opened over plain http, where browsers can't encrypt. Copy your key by hand instead.</p>
          <KeyCopy keyring={keyring} />
        </>
      )}
    </Dialog>
  )
}

interface Made {
  readonly address: string
  readonly until: string
}

function Handover({ keyring }: { keyring: string }) {
  const made = useSignal<Made | undefined>(undefined)
  const error = useSignal('')

  async function make(): Promise<void> {
    error.value = ''
    try {
      const { sealed, key } = await seal(keyring)
      const { handover, expires_at } = await createHandover(serverBase(), sealed)
      made.value = {
        address: handoverAddress(handover, key),
        until: new Date(expires_at).toLocaleTimeString([], { timeStyle: 'short' })
      }
    } catch (cause) {
      error.value = sentenceFor(cause)
    }
  }
  // What was given stays what it was, also if the key changes while the dialog is open.
  useEffect(() => void make(), [])

  if (made.value === undefined) {
    return (
      <>
        <p role="alert" class="error">
          {error.value}
        </p>
        {error.value === '' ? (
          <p role="status">Making a link…</p>
        ) : (
          <button type="button" onClick={make}>
            Try again
          </button>
        )}
      </>
    )
  }
  const { address, until } = made.value
  return (
    <>
      <p>
        Scan this with your other device, or open the link there. It works once, until {until}.{' '}
        <strong>Keep this secret.</strong> Anyone who opens it first can read and write as you.
      </p>
      <QrCode text={address} label="Link for your other device as a QR code" />
      <p class="address" dir="ltr">
        {address}
      </p>
      <CopyButton text={address} what="link" />
    </>
  )
}

function KeyCopy({ keyring }: { keyring: string }) {
  return (
    <div class="copy">
      <p>
        On the other device, open {homeAddress()} and choose “I have a key from another device”.{' '}
        <strong>Keep this secret.</strong> Anyone who has it can read and write as you, as long as you're in the chat.
      </p>
      <p class="address" dir="ltr">
        {keyring}
      </p>
      <CopyButton text={keyring} what="key" />
    </div>
  )
}
