/** The pending guests, for the owner. */
import { type Signal, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type DeclineOptions, type JoinRequest, SillyChatError } from '../../client/index.ts'
import type { ChatSession } from '../state/chat-session.ts'
import { doForEach, sentenceFor } from '../state/errors.ts'
import { problemOfNote } from '../state/names.ts'
import { notifyPermission } from './attention.ts'
import { Dialog, focusOn, NoteField, useElapsed } from './parts.tsx'

/** How long after a guest disappears from the list a click can still be meant for them, in milliseconds. */
const MOVED_MS = 400

export function DoorPanel({ session }: { session: ChatSession }) {
  const waiting = session.waiting.value
  const panel = useRef<HTMLElement>(null)
  const hadFocus = useRef(false)
  const count = useRef(0)
  const movedAt = useRef(Number.NEGATIVE_INFINITY)
  const changedAt = useRef(Number.NEGATIVE_INFINITY)
  const problem = useSignal('')
  // After a decision the focus moves to the next guest or to the composer. Not to a button: a held Enter key would decide
  // again.
  useLayoutEffect(() => {
    if (hadFocus.current && document.activeElement === document.body) focusOn('.door .knock', '#composer')
    hadFocus.current = panel.current?.contains(document.activeElement) === true
    if (waiting.length < count.current) movedAt.current = performance.now()
    count.current = waiting.length
    changedAt.current = performance.now()
  }, [waiting])
  /** The second click of a double click was meant for the guest who has just disappeared from this place. */
  const isMeant = (): boolean => performance.now() - movedAt.current > MOVED_MS
  /** Nor was a click on all meant for somebody who has just knocked. */
  const isMeantForAll = (): boolean => performance.now() - changedAt.current > MOVED_MS
  return (
    // Always rendered: a live region announces only changes to an existing element.
    <section
      ref={panel}
      onFocusIn={() => (hadFocus.current = true)}
      class={waiting.length === 0 && problem.value === '' ? 'door nobody' : 'door'}
      aria-label="At the door"
      aria-live="polite"
    >
      <div class="door-head">
        <p class="door-title">
          {waiting.length === 1
            ? 'Someone wants to join'
            : waiting.length > 1
              ? `${waiting.length} people want to join`
              : ''}
        </p>
        {waiting.length > 1 && <DecideOnAll session={session} isMeant={isMeantForAll} problem={problem} />}
      </div>
      {problem.value !== '' && <Problem problem={problem} />}
      <ul class="plain">
        {waiting.map((request) => (
          <Knock key={request.request_id} session={session} request={request} isMeant={isMeant} />
        ))}
      </ul>
      {waiting.length > 0 && (
        <p class="small">Not sure who it is? Ask for the code on their screen. It must be the same as here.</p>
      )}
      {waiting.length > 0 && <NotifyOffer />}
    </section>
  )
}

interface DecideOnAllProps {
  readonly session: ChatSession
  readonly isMeant: () => boolean
  /** What went wrong. It is shown also when nobody is waiting any more. */
  readonly problem: Signal<string>
}

function DecideOnAll({ session, isMeant, problem }: DecideOnAllProps) {
  const busy = useSignal(false)

  async function decide(on: (waiting: readonly JoinRequest[]) => Promise<void>): Promise<void> {
    if (busy.value || !isMeant()) return
    busy.value = true
    problem.value = ''
    await on(session.waiting.value).catch((cause: unknown) => {
      problem.value = sentenceFor(cause)
    })
    busy.value = false
  }

  /** Also somebody who knocks at this moment, who can ask again. */
  function declineAll(waiting: readonly JoinRequest[]): Promise<void> {
    return doForEach(new Set(waiting.map(({ link }) => link)), (link) => session.chat.decideOnAll(link, 'decline'))
  }

  /** One by one: with `all`, somebody who knocks at this moment would come in unseen. */
  async function letAllIn(waiting: readonly JoinRequest[]): Promise<void> {
    let left = 0
    await doForEach(waiting, ({ link, request_id }) =>
      session.chat.approve(link, request_id).catch((cause: unknown) => {
        if (!hasNoSeat(cause)) throw cause
        left++
      })
    )
    if (left > 0) problem.value = sentenceForLeft(left)
  }

  return (
    <div class="actions">
      <button type="button" onClick={() => decide(declineAll)}>
        Decline all
      </button>
      <button type="button" class="primary" onClick={() => decide(letAllIn)}>
        Let all in
      </button>
    </div>
  )
}

/** The link was full, or has ended when it was, and the request with it; or the guest has left. */
function hasNoSeat(cause: unknown): boolean {
  return cause instanceof SillyChatError && ['link-full', 'request-closed'].includes(cause.kind)
}

function sentenceForLeft(left: number): string {
  const who = left === 1 ? "1 person wasn't" : `${left} people weren't`
  return `${who} let in: the link is full, or they left. You can send them a new link.`
}

function Problem({ problem }: Pick<DecideOnAllProps, 'problem'>) {
  const close = (): void => {
    problem.value = ''
    focusOn('.door .knock', '#composer')
  }
  return (
    <div class="problem">
      <p class="error" role="alert">
        {problem.value}
      </p>
      <button type="button" onClick={close}>
        OK
      </button>
    </div>
  )
}

interface KnockProps {
  readonly session: ChatSession
  readonly request: JoinRequest
  readonly isMeant: () => boolean
}

function Knock({ session, request, isMeant }: KnockProps) {
  const busy = useSignal(false)
  const error = useSignal('')
  const { name, note, request_id: id, link } = request
  const who = name ?? 'No name'
  const asked = useElapsed(Date.parse(request.requested_at))

  async function decide(send: () => Promise<unknown>): Promise<void> {
    if (busy.value || !isMeant()) return
    busy.value = true
    error.value = ''
    try {
      await send()
    } catch (cause) {
      error.value = sentenceFor(cause)
    }
    busy.value = false
  }

  return (
    <li class="knock" tabIndex={-1}>
      <div class="who">
        <bdi class="name">{who}</bdi>
        <span class="code">{id}</span>
        <span class="small" aria-live="off">
          Asked {asked}
        </span>
        {note && (
          <blockquote class="quote" dir="auto">
            {note}
          </blockquote>
        )}
      </div>
      <div class="actions">
        <button
          type="button"
          onClick={() => decide(() => session.chat.decline(link, id))}
          aria-label={`Decline ${who}, ${id}`}
        >
          Decline
        </button>
        <button
          type="button"
          class="primary"
          onClick={() => decide(() => session.chat.approve(link, id))}
          aria-label={`Let in ${who}, ${id}`}
        >
          Let in
        </button>
      </div>
      {isNameTaken(session, request) && (
        <p class="error">
          There's already <bdi>{who}</bdi> in this chat.
        </p>
      )}
      <DeclineWithWords who={who} decline={(words) => session.chat.decline(link, id, words)} />
      {error.value !== '' && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
    </li>
  )
}

/** Whether somebody with this name has been let in. */
function isNameTaken(session: ChatSession, { name }: JoinRequest): boolean {
  const inside = [...session.requests.value.values()].filter(({ state }) => state === 'approved')
  return name !== null && inside.some((other) => other.name?.toLowerCase() === name.toLowerCase())
}

interface DeclineWithWordsProps {
  readonly who: string
  readonly decline: (how: DeclineOptions) => Promise<unknown>
}

/** Opens a dialog for what is needed less often than a plain decline: a message to the guest, and a block. */
function DeclineWithWords({ who, decline }: DeclineWithWordsProps) {
  const isOpen = useSignal(false)
  return (
    <>
      <button type="button" class="quiet" onClick={() => (isOpen.value = true)}>
        Decline with a message, or block
      </button>
      {isOpen.value && <DeclineDialog who={who} decline={decline} close={() => (isOpen.value = false)} />}
    </>
  )
}

function DeclineDialog({ who, decline, close }: DeclineWithWordsProps & { readonly close: () => void }) {
  const note = useSignal('')
  const block = useSignal(false)
  const busy = useSignal(false)
  const error = useSignal('')

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    busy.value = true
    error.value = ''
    try {
      await decline({ note: note.value.trim() || undefined, block: block.value })
      close()
    } catch (cause) {
      error.value = sentenceFor(cause)
    }
    busy.value = false
  }

  return (
    <Dialog title={`Decline ${who}`} close={close}>
      <form onSubmit={submit}>
        <NoteField
          label={`Message to ${who}`}
          hint="Only they will see it (optional)"
          value={note.value}
          set={(value) => (note.value = value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={block.value}
            onChange={(event) => (block.value = event.currentTarget.checked)}
          />
          Don't let anyone on their network ask again for a day
        </label>
        <button type="submit" class="primary" disabled={busy.value || problemOfNote(note.value) !== ''}>
          {block.value ? 'Decline and block' : 'Decline'}
        </button>
        <p role="alert" class="error">
          {error.value}
        </p>
      </form>
    </Dialog>
  )
}

/** Offers system notifications; shown only while a guest is waiting. */
function NotifyOffer() {
  const permission = useSignal(notifyPermission())
  if (permission.value !== 'default') return null
  return (
    <button
      type="button"
      class="quiet"
      onClick={async () => {
        // Rejects if a policy forbids it; resolves to undefined in old versions of Safari.
        permission.value = (await Notification.requestPermission().catch(() => undefined)) ?? 'denied'
        focusOn('.door .knock', '#composer')
      }}
    >
      Notify me when someone asks to join
    </button>
  )
}
