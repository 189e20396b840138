/** Takes a key that was copied by hand on another device. */
import { useId, useState } from 'preact/hooks'
import { KeyringError, readKeyring } from '../../client/index.ts'
import { type Adopted, adopt } from '../state/adopt.ts'
import { sentenceFor } from '../state/errors.ts'
import { openAdopted } from './adopted-page.tsx'

/** `onAdopted` is called if there is something to say before the chat is shown. */
export function PasteKey({ onAdopted }: { onAdopted: (adopted: Adopted) => void }) {
  const [text, setText] = useState('')
  const [error, setError] = useState('')
  const id = useId()

  function take(event: Event): void {
    event.preventDefault()
    try {
      const adopted = adopt(readKeyring(text.trim()))
      if (!openAdopted(adopted)) onAdopted(adopted)
    } catch (cause) {
      setError(cause instanceof KeyringError ? cause.message : sentenceFor(cause))
    }
  }

  return (
    <details>
      <summary>I have a key from another device</summary>
      <form class="copy" onSubmit={take}>
        <p>Only paste a key that you just copied yourself, on your own device.</p>
        <label for={id}>Your key</label>
        <textarea
          id={id}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          rows={3}
          dir="ltr"
          autocomplete="off"
          spellcheck={false}
        />
        <button type="submit" disabled={text.trim() === ''}>
          Use it here
        </button>
        <p role="alert" class="error">
          {error}
        </p>
      </form>
    </details>
  )
}
