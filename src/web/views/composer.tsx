/** The field for writing a message. Its text survives a reload. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ChatSession } from '../state/chat-session.ts'
import { withName } from '../state/names.ts'
import { isKeyAtRisk, isTextAtRisk } from '../state/risks.ts'
import { drop, nameFor, readText, writeText } from '../state/storage.ts'

const MAX_LENGTH = 4000

const KEY_AT_RISK =
  "Your browser can't store your key to this chat: its storage is full or blocked. Don't close or reload this tab, or you'll lose the chat. To keep it, choose “Use on another device”."
const TEXT_AT_RISK =
  "Your browser can't store what you write: its storage is full or blocked. If you close or reload this tab, you'll lose what isn't sent yet."

/** Replaces lone surrogates, like `toWellFormed`, which is too new: Firefox 119. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

function wordsForRoom(room: number): string {
  const count = Math.abs(room)
  return `${count} ${count === 1 ? 'character' : 'characters'} ${room < 0 ? 'too long' : 'left'}`
}

export function Composer({ session, path, own }: { session: ChatSession; path: string; own: string }) {
  const storage = nameFor('draft', path)
  const [text, setText] = useState(() => readText(storage) ?? '')
  const field = useRef<HTMLTextAreaElement>(null)
  const room = MAX_LENGTH - withName(own, text).length

  function change(next: string): void {
    setText(next)
    if (next === '') drop(storage)
    else writeText(storage, next)
  }

  function send(event: Event): void {
    event.preventDefault()
    if (text.trim() === '' || room < 0) return
    session.outbox.add(withName(own, wellFormed(text)))
    change('')
    field.current?.focus()
  }

  function onKeyDown(event: KeyboardEvent): void {
    // During IME composition (as for Japanese) Enter confirms a word. Safari reports that as key code 229.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229) send(event)
  }

  // On a phone, focus would open the keyboard.
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  }, [])

  // Grows with its text, up to the limit in style.css.
  useEffect(() => {
    const element = field.current
    if (element === null) return
    element.style.height = 'auto'
    element.style.height = `${element.scrollHeight}px`
  }, [text])

  return (
    <form class="composer" onSubmit={send}>
      <label class="unseen" for="composer">
        Message
      </label>
      <textarea
        id="composer"
        ref={field}
        rows={1}
        value={text}
        placeholder="Message"
        dir="auto"
        enterkeyhint="send"
        onInput={(event) => change(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        aria-describedby="composer-hint"
      />
      <button type="submit" class="primary" disabled={text.trim() === '' || room < 0}>
        Send
      </button>
      <p id="composer-hint" class={room < 0 ? 'hint error' : room < 200 ? 'hint' : 'hint unseen'}>
        {room < 200 ? wordsForRoom(room) : 'Press Enter to send, or Shift and Enter for a new line.'}
      </p>
      <p role="alert" class="hint error">
        {isKeyAtRisk(path) ? KEY_AT_RISK : isTextAtRisk(path) ? TEXT_AT_RISK : ''}
      </p>
    </form>
  )
}
