/** The view of an invitation: the guest knocks, waits, and joins the chat or sees why not. */
import { useEffect, useState } from 'preact/hooks'
import { Guest, knock, SillyChatError } from '../../client/index.ts'
import { navigate } from '../state/address.ts'
import { isRefusal, sentenceFor } from '../state/errors.ts'
import { endedChatBehind, forgetRequest, type RequestKey, requestKey, saveChat, saveRequest } from '../state/keys.ts'
import { problemOfNote } from '../state/names.ts'
import { isRequestAtRisk } from '../state/risks.ts'
import { waitForDecision } from '../state/waiting.ts'
import { GuestEnded } from './guest-ended.tsx'
import { Card, CopyButton, NameField, NoteField, StorageWarning, useElapsed, useName } from './parts.tsx'

interface GuestPageProps {
  readonly url: string
  readonly path: string
  /** The path of the chat, if this browser's user is already a member. */
  readonly inside: string | undefined
}

export function GuestPage({ url, path, inside }: GuestPageProps) {
  const [request, setRequest] = useState(() => requestKey(path))
  const [ended, setEnded] = useState<{ readonly kind: string; readonly note?: string | undefined }>()
  // The key is kept until there is another: the host can still approve the request.
  if (ended !== undefined) {
    return <GuestEnded kind={ended.kind} note={ended.note} again={() => setEnded(undefined)} />
  }
  if (request !== undefined) {
    return (
      <Waiting
        url={url}
        path={path}
        request={request}
        end={(kind, note) => {
          // The owner can still approve a declined guest.
          if (kind !== 'declined') forgetRequest(path)
          setRequest(undefined)
          setEnded({ kind: kind === 'link-not-found' ? 'chat-closed' : kind, note })
        }}
      />
    )
  }
  if (inside !== undefined) return <AlreadyMember chat={inside} />
  return <KnockForm url={url} path={path} onKnocked={setRequest} end={(kind) => setEnded({ kind })} />
}

interface KnockFormProps {
  readonly url: string
  readonly path: string
  readonly onKnocked: (request: RequestKey) => void
  readonly end: (kind: string) => void
}

function KnockForm({ url, path, onKnocked, end }: KnockFormProps) {
  const name = useName()
  const [note, setNote] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState('')

  // Checks whether the link is open: a HEAD request creates no join request.
  useEffect(() => {
    fetch(url, { method: 'HEAD', headers: { accept: 'application/json' } }).then(
      async ({ status }) => {
        if (status === 404) end('link-not-found')
        // A link that has ended stays ended, so this request creates nothing: its answer names the reason.
        if (status === 410) await knock(url).catch((cause) => cause instanceof SillyChatError && end(cause.kind))
      },
      // TypeError: no answer arrived. The person sees the error on knocking.
      () => undefined
    )
  }, [url])

  // The owner may have approved a removed guest again.
  useEffect(() => {
    const [chat, key] = endedChatBehind(path) ?? []
    if (chat === undefined || key === undefined) return
    new Guest(url, key.userId, '').state().then(
      (found) => found.chat !== null && navigate(chat, { replace: true }),
      // Refused (the usual case), or no answer arrived: the guest must knock.
      () => undefined
    )
  }, [url])

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setError('')
    try {
      const guest = await knock(url, { name: name.value || undefined, note: note.trim() || undefined })
      const { clientId, requestId } = guest
      const request = { clientId, requestId, name: name.value, askedAt: Date.now() }
      saveRequest(path, request)
      onKnocked(request)
    } catch (cause) {
      if (cause instanceof SillyChatError && (cause.status === 410 || cause.status === 404)) end(cause.kind)
      else setError(sentenceFor(cause))
      setBusy(false)
    }
  }

  return (
    <Card title="You are invited to a chat" eyebrow="Silly Chat">
      <p class="lead">Enter your name and ask to join. The host will be asked to let you in. No account needed.</p>
      <StorageWarning />
      <form onSubmit={submit}>
        <NameField name={name} hint="The host will see this name (optional)" />
        <NoteField label="Message to the host" hint="Say how they know you (optional)" value={note} set={setNote} />
        <button type="submit" class="primary wide" disabled={busy || name.problem !== '' || problemOfNote(note) !== ''}>
          {busy ? 'Asking…' : 'Ask to join'}
        </button>
        <p role="alert" class="error">
          {error}
        </p>
      </form>
    </Card>
  )
}

interface WaitingProps {
  readonly url: string
  readonly path: string
  readonly request: RequestKey
  readonly end: (kind: string, note?: string) => void
}

/** How often the page asks whether the host is there. */
const PRESENCE_MS = 30_000

/** Whether the host is there; undefined if that is not known. */
function usePresence(guest: Guest): boolean | undefined {
  const [isPresent, setPresent] = useState<boolean>()
  useEffect(() => {
    const ask = (): void => {
      if (document.visibilityState === 'hidden') return
      guest.state().then(
        (state) => setPresent(state.owner_present),
        // `Waiting` tells what happened to the request.
        () => undefined
      )
    }
    ask()
    const timer = setInterval(ask, PRESENCE_MS)
    document.addEventListener('visibilitychange', ask)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', ask)
    }
  }, [guest.link, guest.clientId])
  return isPresent
}

function sentenceForPresence(isPresent: boolean | undefined): string {
  if (isPresent === true) return "The host is online. You'll join automatically once they approve."
  if (isPresent === false) return "The host isn't here right now. They'll see your request when they're back."
  return "Your request was sent. You'll join automatically once the host approves."
}

function Waiting({ url, path, request, end }: WaitingProps) {
  const [isLost, setLost] = useState(false)
  const [error, setError] = useState('')
  const guest = new Guest(url, request.clientId, request.requestId)
  const isAtRisk = isRequestAtRisk(path)
  const isPresent = usePresence(guest)
  const asked = useElapsed(request.askedAt ?? 0)

  useEffect(() => {
    const stop = new AbortController()
    waitForDecision(guest, stop.signal, (state) => setLost(state === 'lost')).then(
      (chat) => {
        if (chat === undefined) return
        saveChat(chat, { userId: request.clientId, name: request.name, since: Date.now(), link: path })
        forgetRequest(path)
        navigate(chat, { replace: true })
      },
      (cause: unknown) => {
        if (cause instanceof SillyChatError) return end(cause.kind, noteIn(cause))
        // An error of the page itself does not end the request.
        setError(sentenceFor(cause))
      }
    )
    return () => stop.abort()
  }, [url, request.clientId])

  async function withdraw(): Promise<void> {
    setError('')
    try {
      await guest.leave()
      end('left')
    } catch (cause) {
      if (isRefusal(cause)) end(cause.kind, noteIn(cause))
      else setError(sentenceFor(cause))
    }
  }

  return (
    <Card title="Waiting to be let in">
      <div class="waiting" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
      <p class="lead" role="status">
        {isLost ? 'No connection – reconnecting…' : sentenceForPresence(isPresent)}
      </p>
      <dl class="facts">
        {request.name !== '' && (
          <>
            <dt>Your name</dt>
            <dd>
              <bdi>{request.name}</bdi>
            </dd>
          </>
        )}
        {request.askedAt !== undefined && (
          <>
            <dt>Asked</dt>
            <dd>{asked}</dd>
          </>
        )}
        <dt>Your code</dt>
        <dd class="code large">{request.requestId}</dd>
      </dl>
      <CopyButton text={request.requestId} what="code" />
      <p class="small">
        If the host asks, read them this code so they know it's you.{' '}
        {!isAtRisk && 'You can close this page. Open the same link in this browser to come back.'}
      </p>
      <p role="alert" class="error">
        {isAtRisk &&
          "This browser can't remember your request: its storage is full or blocked. Keep this tab open until you're let in."}
      </p>
      <button type="button" class="quiet" onClick={withdraw}>
        Cancel request
      </button>
      <p role="alert" class="error">
        {error}
      </p>
    </Card>
  )
}

function AlreadyMember({ chat }: { chat: string }) {
  return (
    <Card title="You're already in this chat">
      <p class="lead">To invite someone else, send them this link.</p>
      <p>
        <a class="button primary" href={chat}>
          Open the chat
        </a>
      </p>
    </Card>
  )
}

/** What the host says to somebody who was declined. */
function noteIn({ problem }: SillyChatError): string | undefined {
  return typeof problem['note'] === 'string' ? problem['note'] : undefined
}
