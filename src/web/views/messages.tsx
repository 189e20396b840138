/** What is said. Of a long chat only the end is drawn; more comes as one scrolls up. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Message } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { splitName } from '../state/names.ts'
import type { Draft } from '../state/outbox.ts'
import { RichText } from './rich-text.tsx'

const FIRST_DRAWN = 100
const MORE_DRAWN = 200
/** So near to its end a reader counts as reading along. */
const NEAR_PX = 80

export function Messages({ session, own }: { session: ChatSession; own: string }) {
  const box = useRef<HTMLDivElement>(null)
  const drawn = useSignal(FIRST_DRAWN)
  const readUpTo = useSignal(0)
  const isAtEnd = useRef(true)
  const all = session.messages.value
  const drafts = session.outbox.drafts.value
  const shown = all.slice(-drawn.value)
  const last = all.at(-1)?.id ?? 0
  const unread = useComputed(() => session.messages.value.filter(({ id }) => id > readUpTo.value).length)

  const toEnd = (): void => {
    const element = box.current
    if (element !== null) element.scrollTop = element.scrollHeight
  }

  // Who reads along goes on reading along; who has scrolled up is left where they are.
  useLayoutEffect(() => {
    if (!isAtEnd.current) return
    toEnd()
    readUpTo.value = last
  }, [last, drafts.length, all.length === 0])

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const watch = new ResizeObserver(() => isAtEnd.current && toEnd())
    watch.observe(element)
    return () => watch.disconnect()
  }, [])

  function onScroll(): void {
    const element = box.current
    if (element === null) return
    isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
    if (isAtEnd.current) readUpTo.value = last
    if (element.scrollTop < element.clientHeight && drawn.value < all.length) {
      const fromEnd = element.scrollHeight - element.scrollTop
      drawn.value += MORE_DRAWN
      requestAnimationFrame(() => {
        element.scrollTop = element.scrollHeight - fromEnd
      })
    }
  }

  const isEmpty = all.length === 0 && drafts.length === 0 && session.standing.value === 'in'
  return (
    <div class="talk">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <div class="scroll" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-label="Messages">
        {isEmpty && (
          <p class="empty">
            {session.isOwner.value
              ? 'Nobody has said anything yet. Invite somebody, and say hello.'
              : 'Nobody has said anything yet. Say hello.'}
          </p>
        )}
        <ol class="plain messages">
          {shown.map((message, index) => (
            <Said key={message.id} message={message} before={shown[index - 1]} own={own} />
          ))}
        </ol>
        {drafts.length > 0 && (
          <ol class="plain messages" aria-label="Not sent yet">
            {drafts.map((draft) => (
              <Unsent key={draft.key} draft={draft} session={session} />
            ))}
          </ol>
        )}
      </div>
      {unread.value > 0 && (
        <button
          type="button"
          class="newer"
          onClick={() => {
            isAtEnd.current = true
            readUpTo.value = last
            toEnd()
          }}
        >
          {unread.value === 1 ? '1 new message' : `${unread.value} new messages`} <span aria-hidden="true">↓</span>
        </button>
      )}
    </div>
  )
}

const TOGETHER_MS = 5 * 60_000

function Said({ message, before, own }: { message: Message; before: Message | undefined; own: string }) {
  const { name, rest } = splitName(message.text)
  const at = new Date(message.created_at)
  const previous = before && splitName(before.text)
  const isSame = before !== undefined && previous?.name === name && +at - +new Date(before.created_at) < TOGETHER_MS
  const isNewDay = before === undefined || new Date(before.created_at).toDateString() !== at.toDateString()
  return (
    <>
      {isNewDay && <li class="day">{at.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' })}</li>}
      <li class={`said ${name !== '' && name === own ? 'own' : ''} ${isSame && !isNewDay ? 'same' : ''}`}>
        {name !== '' && <bdi class={isSame && !isNewDay ? 'author unseen' : 'author'}>{name}</bdi>}
        <div class="bubble">
          <RichText text={rest} />
          <time dateTime={message.created_at}>{at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}</time>
        </div>
      </li>
    </>
  )
}

function Unsent({ draft, session }: { draft: Draft; session: ChatSession }) {
  const { rest } = splitName(draft.text)
  return (
    <li class="said own unsent">
      <div class="bubble">
        <RichText text={rest} />
        <span class="state">{draft.refused === undefined ? 'Sending …' : 'Not sent'}</span>
      </div>
      {draft.refused !== undefined && (
        <p class="error" role="alert">
          {draft.refused}{' '}
          <button type="button" class="quiet" onClick={() => session.outbox.retry(draft.key)}>
            Try again
          </button>{' '}
          <button type="button" class="quiet" onClick={() => session.outbox.discard(draft.key)}>
            Discard
          </button>
        </p>
      )}
    </li>
  )
}
