/** What is said. Of a long chat only the end is drawn; more comes as one scrolls up. */
import { useSignal } from '@preact/signals'
import { Component } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Message } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { splitName } from '../state/names.ts'
import type { Draft } from '../state/outbox.ts'
import { RichText } from './rich-text.tsx'

/** How many messages more are drawn for who scrolls up, and how many for who reads along. */
const MORE_DRAWN = 200
const MAX_DRAWN_AT_END = 400
/** How long after messages that were there before what comes is new. */
const LIVE_AFTER_MS = 500
/** So near to its end a reader counts as reading along. */
const NEAR_PX = 80

export function Messages({ session }: { session: ChatSession }) {
  const box = useRef<HTMLDivElement>(null)
  /** The id of the first message that is drawn; 0 for all. */
  const from = useSignal(0)
  const readUpTo = useSignal(0)
  const isAtEnd = useRef(true)
  /** What is new is read out, what was there before is not. */
  const live = useSignal<'polite' | 'off'>('off')
  /** What is seen at the top and where it ends, so that it stays there when something is put before it. */
  const anchor = useRef<{ element: Element; bottom: number } | undefined>(undefined)
  const all = session.messages.value
  const drafts = session.outbox.drafts.value
  const start = all.length - countAfter(all, from.value - 1)
  const shown = all.slice(start)
  // Not by the name in front, which anybody may write.
  const isOwn = (message: Message | undefined): boolean =>
    message !== undefined && session.sentIds.ids.value.has(message.id)
  const last = all.at(-1)?.id ?? 0
  const unread = countAfter(all, readUpTo.value)

  const toEnd = (): void => {
    const element = box.current
    if (element !== null) element.scrollTop = element.scrollHeight
    isAtEnd.current = true
    readUpTo.value = last
    if (shown.length > MAX_DRAWN_AT_END) from.value = all.at(-MORE_DRAWN)?.id ?? 0
  }

  /** As of the latest rendering, for those who are told later. */
  const latestToEnd = useRef(toEnd)
  latestToEnd.current = toEnd
  /** What comes from now on is new. */
  const speakSoon = (): ReturnType<typeof setTimeout> => setTimeout(() => (live.value = 'polite'), LIVE_AFTER_MS)

  const more = (): void => {
    if (start === 0 && !session.hasOlder.value) return
    live.value = 'off'
    if (start > 0) from.value = all[start - MORE_DRAWN]?.id ?? 0
    else {
      from.value = 0
      void session.older().then(speakSoon)
    }
  }

  // Who reads along goes on reading along, and so does who says something.
  useLayoutEffect(() => {
    if (isAtEnd.current) toEnd()
  }, [last, drafts])
  const said = drafts.at(-1)?.key
  useLayoutEffect(() => {
    if (said !== undefined) toEnd()
  }, [said])

  // Who has scrolled up is left where they are.
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || isAtEnd.current || anchor.current === undefined) return
    element.scrollTop += anchor.current.element.getBoundingClientRect().bottom - anchor.current.bottom
    remember()
  }, [shown[0]?.id])

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const watch = new ResizeObserver(() => isAtEnd.current && latestToEnd.current())
    watch.observe(element)
    return () => watch.disconnect()
  }, [])

  const isRead = session.standing.value === 'in'
  useEffect(() => {
    if (!isRead) return
    const timer = speakSoon()
    return () => clearTimeout(timer)
  }, [isRead, shown[0]?.id])

  // What there is may not fill the view.
  useEffect(() => {
    const element = box.current
    if (element !== null && element.scrollHeight <= element.clientHeight) more()
  }, [shown.length, session.hasOlder.value])

  function remember(): void {
    const element = box.current
    if (element === null) return
    const { top } = element.getBoundingClientRect()
    const seen = [...element.querySelectorAll('.said')].find((one) => one.getBoundingClientRect().bottom > top)
    anchor.current = seen && { element: seen, bottom: seen.getBoundingClientRect().bottom }
  }

  function onScroll(): void {
    const element = box.current
    if (element === null) return
    isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
    if (isAtEnd.current) readUpTo.value = last
    remember()
    if (element.scrollTop < element.clientHeight * 2) more()
  }

  const isEmpty = all.length === 0 && drafts.length === 0 && isRead
  return (
    <div class="talk">
      <div
        class="scroll"
        ref={box}
        onScroll={onScroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        role="log"
        aria-live={live.value}
        aria-label="Messages"
      >
        {isEmpty && (
          <p class="empty">
            {session.isOwner.value
              ? 'Nobody has said anything yet. Invite somebody, and say hello.'
              : 'Nobody has said anything yet. Say hello.'}
          </p>
        )}
        <ol class="plain messages">
          {shown.map((message, index) => (
            <Said
              key={message.id}
              message={message}
              before={shown[index - 1]}
              isOwn={isOwn(message)}
              isAlike={isOwn(message) === isOwn(shown[index - 1])}
            />
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
      {unread > 0 && (
        <button type="button" class="newer" onClick={toEnd}>
          {unread === 1 ? '1 new message' : `${unread} new messages`} <span aria-hidden="true">↓</span>
        </button>
      )}
    </div>
  )
}

function countAfter(messages: readonly Message[], id: number): number {
  let count = 0
  while (count < messages.length && (messages.at(-1 - count)?.id ?? 0) > id) count++
  return count
}

const TOGETHER_MS = 5 * 60_000

interface SaidProps {
  readonly message: Message
  readonly before: Message | undefined
  readonly isOwn: boolean
  /** Whether the message before is as much one's own as this. */
  readonly isAlike: boolean
}

// Made once: making one takes longer than using it for a page of messages.
const TIME = new Intl.DateTimeFormat([], { timeStyle: 'short' })
const DAY = new Intl.DateTimeFormat([], { weekday: 'long', day: 'numeric', month: 'long' })

/** Drawn again only if it has changed, since of what is drawn most stays as it is with every message that comes. */
class Said extends Component<SaidProps> {
  override shouldComponentUpdate({ message, before, isOwn, isAlike }: SaidProps): boolean {
    const { props } = this
    return message !== props.message || before !== props.before || isOwn !== props.isOwn || isAlike !== props.isAlike
  }

  override render({ message, before, isOwn, isAlike }: SaidProps) {
    const { name, rest } = splitName(message.text)
    const at = new Date(message.created_at)
    const isNewDay = before === undefined || new Date(before.created_at).toDateString() !== at.toDateString()
    const isSoon = before !== undefined && +at - +new Date(before.created_at) < TOGETHER_MS
    const isMore = !isNewDay && isSoon && isAlike && splitName(before.text).name === name
    return (
      <>
        {isNewDay && <li class="day">{DAY.format(at)}</li>}
        <li class={`said ${isOwn ? 'own' : ''} ${isMore ? 'more' : ''}`}>
          {/* Nobody needs to be shown their own name; to who cannot see the sides it tells them apart. */}
          {!(isOwn && name === '') && (
            <bdi class={isMore || isOwn ? 'author unseen' : 'author'}>{name || 'No name'}</bdi>
          )}
          <div class="bubble">
            <RichText text={rest} />
            <span class="state">
              <time dateTime={message.created_at}>{TIME.format(at)}</time>
              {isOwn && (
                <span role="img" aria-label="Sent">
                  {' '}
                  ✓
                </span>
              )}
            </span>
          </div>
        </li>
      </>
    )
  }
}

function Unsent({ draft, session }: { draft: Draft; session: ChatSession }) {
  const { rest } = splitName(draft.text)
  return (
    <li class={draft.refused === undefined ? 'said own unsent' : 'said own unsent refused'}>
      <div class="bubble">
        <RichText text={rest} />
        <span class="state">{draft.refused === undefined ? 'Sending …' : 'Not sent'}</span>
      </div>
      {draft.refused !== undefined && (
        <div class="error" role="alert">
          <p>{draft.refused}</p>
          <div class="actions">
            <button type="button" class="quiet" onClick={() => session.outbox.retry(draft.key)}>
              Try again
            </button>
            <button type="button" class="quiet" onClick={() => session.outbox.discard(draft.key)}>
              Discard
            </button>
          </div>
        </div>
      )}
    </li>
  )
}
