/** The list of messages. Only the end of a long chat is rendered; scrolling up renders more. */
import { useSignal } from '@preact/signals'
import { Component } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Message } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { isSameDay, wordsForDay } from '../state/days.ts'
import { splitName } from '../state/names.ts'
import type { Draft } from '../state/outbox.ts'
import { RichText } from './rich-text.tsx'

/** How many more messages scrolling up renders, and the limit at the end of the list. */
const MORE_RENDERED = 200
const MAX_RENDERED_AT_END = 400
/** How long after older messages were rendered the live region is switched on. */
const LIVE_AFTER_MS = 500
/** Within this distance from the end, the list follows new messages. */
const NEAR_PX = 80

export function Messages({ session }: { session: ChatSession }) {
  const box = useRef<HTMLDivElement>(null)
  /** The id of the first rendered message; 0 for all. */
  const from = useSignal(0)
  const readUpTo = useSignal(0)
  const isAtEnd = useRef(true)
  /** Screen readers announce new messages, but not older ones. */
  const live = useSignal<'polite' | 'off'>('off')
  /** The message at the top of the view and its position, to restore that when messages are inserted above. */
  const anchor = useRef<{ element: Element; bottom: number } | undefined>(undefined)
  const all = session.messages.value
  const drafts = session.outbox.drafts.value
  const start = all.length - countNewest(all, (id) => id >= from.value)
  const shown = all.slice(start)
  // Not by the name in the text, which anybody can write.
  const isOwn = (message: Message | undefined): boolean =>
    message !== undefined && session.sentIds.ids.value.has(message.id)
  const last = all.at(-1)?.id ?? 0
  const unread = countNewest(all, (id) => id > readUpTo.value)
  const today = useToday()

  const toEnd = (): void => {
    const element = box.current
    if (element !== null) element.scrollTop = element.scrollHeight
    isAtEnd.current = true
    readUpTo.value = last
    if (shown.length > MAX_RENDERED_AT_END) from.value = all.at(-MORE_RENDERED)?.id ?? 0
  }

  /** The function of the latest rendering, for the resize observer. */
  const latestToEnd = useRef(toEnd)
  latestToEnd.current = toEnd
  /** Switches the live region on after the current messages are rendered. */
  const goLiveSoon = (): ReturnType<typeof setTimeout> => setTimeout(() => (live.value = 'polite'), LIVE_AFTER_MS)

  const showMore = (): void => {
    if (start === 0 && !session.hasOlder.value) return
    live.value = 'off'
    if (start > 0) from.value = all[start - MORE_RENDERED]?.id ?? 0
    else {
      from.value = 0
      void session.older().then(goLiveSoon)
    }
  }

  // At the end, the list follows new messages. A new draft always scrolls to the end.
  useLayoutEffect(() => {
    if (isAtEnd.current) toEnd()
  }, [last, drafts])
  const newestDraft = drafts.at(-1)?.key
  useLayoutEffect(() => {
    if (newestDraft !== undefined) toEnd()
  }, [newestDraft])

  // Elsewhere, the view stays where it is.
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || isAtEnd.current || anchor.current === undefined) return
    // After a reset, that message can be gone.
    if (anchor.current.element.isConnected) {
      element.scrollTop += anchor.current.element.getBoundingClientRect().bottom - anchor.current.bottom
    }
    remember()
  }, [shown[0]?.id])

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const watch = new ResizeObserver(() => isAtEnd.current && latestToEnd.current())
    watch.observe(element)
    return () => watch.disconnect()
  }, [])

  const isRead = session.status.value === 'in'
  useEffect(() => {
    if (!isRead) return
    const timer = goLiveSoon()
    return () => clearTimeout(timer)
  }, [isRead, shown[0]?.id])

  // The view can be near the top without scrolling: if it is not full, or after a reset.
  useEffect(showMoreNearTop, [shown.length, shown[0]?.id, session.hasOlder.value])

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
    showMoreNearTop()
  }

  function showMoreNearTop(): void {
    const element = box.current
    if (element !== null && element.scrollTop < element.clientHeight * 2) showMore()
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
            {isAlone(session) ? "It's just you so far. Invite someone to get started." : 'No messages yet. Say hello!'}
          </p>
        )}
        <ol class="plain messages">
          {shown.map((message, index) => (
            <MessageItem
              key={message.id}
              message={message}
              before={shown[index - 1]}
              today={today}
              isOwn={isOwn(message)}
              isAlike={isOwn(message) === isOwn(shown[index - 1])}
            />
          ))}
        </ol>
        {drafts.length > 0 && (
          <ol class="plain messages" aria-label="Not sent yet">
            {drafts.map((draft) => (
              <DraftItem key={draft.key} draft={draft} session={session} />
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

/** When the present day began. At midnight the list is rendered again. */
function useToday(): number {
  const [, setToday] = useState(startOfToday)
  useEffect(() => {
    const timer = setInterval(() => setToday(startOfToday()), 60_000)
    return () => clearInterval(timer)
  }, [])
  return startOfToday()
}

function startOfToday(): number {
  return new Date().setHours(0, 0, 0, 0)
}

/** Whether the owner has let nobody in yet. */
function isAlone({ isOwner, requests }: ChatSession): boolean {
  return isOwner.value && ![...requests.value.values()].some(({ state }) => state === 'approved')
}

/** The number of messages from the first one that `isCounted` accepts to the newest. */
function countNewest(messages: readonly Message[], isCounted: (id: number) => boolean): number {
  let start = messages.length
  for (
    let message = messages[start - 1];
    message !== undefined && isCounted(message.id);
    message = messages[start - 1]
  ) {
    start--
  }
  return messages.length - start
}

const TOGETHER_MS = 5 * 60_000

interface MessageItemProps {
  readonly message: Message
  readonly before: Message | undefined
  /** When the present day began, in milliseconds. */
  readonly today: number
  readonly isOwn: boolean
  /** Whether this message and the one before are both own, or both of others. */
  readonly isAlike: boolean
}

// Created once: creating a formatter takes longer than formatting a page of messages.
const TIME = new Intl.DateTimeFormat([], { timeStyle: 'short' })
const FULL = new Intl.DateTimeFormat([], { dateStyle: 'full', timeStyle: 'short' })

/** Rendered again only if it has changed: a new message leaves most items as they are. */
class MessageItem extends Component<MessageItemProps> {
  override shouldComponentUpdate(next: MessageItemProps): boolean {
    const { message, before, today, isOwn, isAlike } = this.props
    return (
      message !== next.message ||
      before !== next.before ||
      today !== next.today ||
      isOwn !== next.isOwn ||
      isAlike !== next.isAlike
    )
  }

  override render({ message, before, today, isOwn, isAlike }: MessageItemProps) {
    const { name, rest } = splitName(message.text)
    const at = new Date(message.created_at)
    const isNewDay = before === undefined || !isSameDay(new Date(before.created_at), at)
    const isSoon = before !== undefined && +at - +new Date(before.created_at) < TOGETHER_MS
    const isMore = !isNewDay && isSoon && isAlike && isSameSender(before, message)
    return (
      <>
        {isNewDay && <li class="day">{wordsForDay(at, new Date(today))}</li>}
        <li class={`said ${isOwn ? 'own' : ''} ${isMore ? 'more' : ''}`}>
          {/* The own name is visually hidden; screen readers announce it, because they do not convey the side. */}
          {!(isOwn && name === '') && (
            <bdi class={isMore || isOwn ? 'author unseen' : 'author'}>{name || 'No name'}</bdi>
          )}
          <div class="bubble">
            <RichText text={rest} />
            <span class="state">
              <time dateTime={message.created_at} title={FULL.format(at)}>
                {TIME.format(at)}
              </time>
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

/** By the right that was used to post. Earlier versions of the server did not record it: then by the name in the text. */
function isSameSender(one: Message, other: Message): boolean {
  if (one.from !== null || other.from !== null) return one.from === other.from
  return splitName(one.text).name === splitName(other.text).name
}

function DraftItem({ draft, session }: { draft: Draft; session: ChatSession }) {
  const { rest } = splitName(draft.text)
  return (
    <li class={draft.refused === undefined ? 'said own unsent' : 'said own unsent refused'}>
      <div class="bubble">
        <RichText text={rest} />
        <span class="state">{draft.refused === undefined ? 'Sending…' : 'Not sent'}</span>
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
