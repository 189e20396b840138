/** What several views are made of. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { problemOf } from '../state/names.ts'
import { canKeep, readText, writeText } from '../state/storage.ts'

/** A view that is not a chat: one thing to read or to do. */
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

/** Moves the focus to the first of these that is there. */
export function focusOn(...selectors: string[]): void {
  const found = selectors.map((selector) => document.querySelector<HTMLElement>(selector)).find(Boolean)
  found?.focus()
}

export interface Name {
  readonly typed: string
  /** Without spaces around it. */
  readonly value: string
  readonly problem: string
  set(value: string): void
}

const STORAGE = 'silly-chat:name'

/** What somebody is called, as they said the last time. */
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
        maxLength={100}
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

/** Says so before a chat begins that this browser would not keep. */
export function NothingKept() {
  const [isKept] = useState(canKeep)
  if (isKept) return null
  return (
    <p class="error">
      This browser stores nothing for this page: its storage is full or blocked. You can chat, but you lose the chat
      when you close or reload this tab.
    </p>
  )
}

/** Copies a text and says so. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState('')
  async function copy(): Promise<void> {
    const copied = await copyText(text)
    setSaid(copied ? 'Copied' : 'Select the text and copy it yourself')
    setTimeout(() => setSaid(''), 2500)
  }
  return (
    <button type="button" onClick={copy}>
      <span aria-live="polite">{said || label}</span>
    </button>
  )
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // TypeError: a page that came by plain http has no clipboard; NotAllowedError: the person or a policy forbids it.
    return false
  }
}

/**
 * What was pressed may be gone afterwards: then the focus goes to what has taken its place (`data-next`), or to the
 * heading above. Never to a button that does the same to somebody else.
 */
function keepFocus(dialog: HTMLElement): () => void {
  let part: Element = dialog
  const note = ({ target }: FocusEvent): void => {
    if (target instanceof Element) part = target.closest('section') ?? dialog
  }
  const watch = new MutationObserver(() => {
    if (document.activeElement !== document.body) return
    const next = part.querySelector<HTMLElement>('[data-next]') ?? part.querySelector<HTMLElement>('h2, h3')
    if (next === null) return
    // As an attribute it lets what is no control have the focus.
    if (next.tabIndex < 0) next.tabIndex = -1
    next.focus()
  })
  dialog.addEventListener('focusin', note)
  watch.observe(dialog, { childList: true, subtree: true })
  return () => watch.disconnect()
}

interface DialogProps {
  readonly title: string
  readonly close: () => void
  readonly children: ComponentChildren
}

/** The browser's own modal dialog: it keeps the focus and closes with Escape. */
export function Dialog({ title, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  // Before the next key is pressed.
  useLayoutEffect(() => {
    if (dialog.current === null) return
    dialog.current.showModal()
    return keepFocus(dialog.current)
  }, [])
  const hasEnded = useRef(false)
  // With the focus, not with the event that comes later: what has the focus again may be pressed in between.
  const end = (): void => {
    if (hasEnded.current) return
    hasEnded.current = true
    dialog.current?.close()
    close()
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside it closes it; the keyboard has Escape
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
