/** Components that several views use. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { MAX_NAME_LENGTH } from '../../wire/names.ts'
import { elapsed, MINUTE_MS } from '../state/elapsed.ts'
import { problemOf, problemOfNote } from '../state/names.ts'
import { canStore, readText, writeText } from '../state/storage.ts'

/** The frame of every view except a chat. */
export function Card({ title, eyebrow, children }: { title: string; eyebrow?: string; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    document.title = title === 'Silly Chat' ? title : `${title} – Silly Chat`
  }, [title])
  useEffect(() => heading.current?.focus(), [title])
  return (
    <main class="card">
      {eyebrow !== undefined && <p class="eyebrow">{eyebrow}</p>}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </main>
  )
}

/** Moves the focus to the first of these elements that exists. */
export function focusOn(...selectors: string[]): void {
  const found = selectors.map((selector) => document.querySelector<HTMLElement>(selector)).find(Boolean)
  found?.focus()
}

export interface Name {
  readonly typed: string
  /** The trimmed name. */
  readonly value: string
  readonly problem: string
  set(value: string): void
}

const STORAGE = 'silly-chat:name'

/** The person's name; initially the one entered last. */
export function useName(): Name {
  const [typed, setTyped] = useState(() => readText(STORAGE) ?? '')
  const value = typed.trim()
  return {
    typed,
    value,
    problem: problemOf(value),
    set: (next) => {
      setTyped(next)
      writeText(STORAGE, next.trim())
    }
  }
}

export function NameField({ name, hint }: { name: Name; hint: string }) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>Your name</label>
      <input
        id={id}
        value={name.typed}
        onInput={(event) => name.set(event.currentTarget.value)}
        autocomplete="nickname"
        maxLength={MAX_NAME_LENGTH}
        dir="auto"
        aria-describedby={`${id}-hint`}
        aria-invalid={name.problem !== ''}
      />
      <p id={`${id}-hint`} class={name.problem === '' ? 'hint' : 'hint error'}>
        {name.problem || hint}
      </p>
    </div>
  )
}

interface NoteFieldProps {
  readonly label: string
  readonly hint: string
  readonly value: string
  readonly set: (value: string) => void
}

/** A few words for somebody at the other side of the door. */
export function NoteField({ label, hint, value, set }: NoteFieldProps) {
  const id = useId()
  const problem = problemOfNote(value)
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        value={value}
        onInput={(event) => set(event.currentTarget.value)}
        autocomplete="off"
        dir="auto"
        aria-describedby={`${id}-hint`}
        aria-invalid={problem !== ''}
      />
      <p id={`${id}-hint`} class={problem === '' ? 'hint' : 'hint error'}>
        {problem || hint}
      </p>
    </div>
  )
}

/** Warns before a chat begins if this browser cannot store its key. */
export function StorageWarning() {
  const [hasStorage] = useState(canStore)
  if (hasStorage) return null
  return (
    <p class="error">
      Your browser is blocking storage, or it's full. Silly Chat needs site data (cookies) to remember that you're in a
      chat. You can still chat, but you'll lose the chat if you close or reload this tab.
    </p>
  )
}

/** The time since an instant (milliseconds since the Unix epoch), which changes every minute. */
export function useElapsed(since: number): string {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MS)
    return () => clearInterval(timer)
  }, [])
  return elapsed(now - since)
}

/** Copies a text and reports the result in its label. */
export function CopyButton({ text, what }: { text: string; what: 'link' | 'key' | 'code' }) {
  const [result, setResult] = useState('')
  async function copy(): Promise<void> {
    const isCopied = await copyText(text)
    setResult(isCopied ? 'Copied' : `Couldn't copy – ${selecting()} the ${what}`)
    setTimeout(() => setResult(''), 2500)
  }
  return (
    <button type="button" onClick={copy}>
      <span aria-live="polite">{result || `Copy ${what}`}</span>
    </button>
  )
}

function selecting(): string {
  return matchMedia('(pointer: coarse)').matches ? 'press and hold' : 'select'
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // TypeError: no clipboard in insecure contexts; NotAllowedError: the person or a policy forbids it.
    return false
  }
}

/**
 * A pressed button can disappear. Then the focus moves to its replacement (`data-next`) or to the heading above, but
 * never to a button that would do the same to somebody else.
 */
function keepFocus(dialog: HTMLElement): () => void {
  let part: Element = dialog
  const onFocusIn = ({ target }: FocusEvent): void => {
    if (target instanceof Element) part = target.closest('section') ?? dialog
  }
  const watch = new MutationObserver(() => {
    if (document.activeElement !== document.body) return
    const next = part.querySelector<HTMLElement>('[data-next]') ?? part.querySelector<HTMLElement>('h2, h3')
    if (next === null) return
    // Without a tabindex attribute, a heading cannot have the focus.
    if (next.tabIndex < 0) next.tabIndex = -1
    next.focus()
  })
  dialog.addEventListener('focusin', onFocusIn)
  watch.observe(dialog, { childList: true, subtree: true })
  return () => watch.disconnect()
}

interface DialogProps {
  readonly title: string
  readonly close: () => void
  readonly children: ComponentChildren
}

/** The browser's modal dialog: it traps the focus and closes with Escape. */
export function Dialog({ title, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  // A layout effect, so that the dialog opens before the next key press.
  useLayoutEffect(() => {
    if (dialog.current === null) return
    dialog.current.showModal()
    return keepFocus(dialog.current)
  }, [])
  const hasEnded = useRef(false)
  // Also on `cancel`: the focus returns before the `close` event, and a key press in between would act on the page.
  const end = (): void => {
    if (hasEnded.current) return
    hasEnded.current = true
    dialog.current?.close()
    close()
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click on the backdrop closes it; the keyboard has Escape
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={end}
      onClose={end}
      onClick={(event) => event.target === dialog.current && end()}
    >
      <div class="sheet">
        <header class="bar">
          <h2 id={id}>{title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={end}>
            <span aria-hidden="true">×</span>
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
