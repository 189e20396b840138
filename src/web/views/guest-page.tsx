/** The view of an invitation: the guest knocks, waits, and joins the chat or sees why not. */
import { useEffect, useState } from 'preact/hooks'
import { Guest, knock, SillyChatError } from '../../client/index.ts'
import { navigate } from '../state/address.ts'
import { isRefusal, sentenceFor } from '../state/errors.ts'
import { endedChatBehind, forgetRequest, type RequestKey, requestKey, saveChat, saveRequest } from '../state/keys.ts'
import { isRequestAtRisk } from '../state/risks.ts'
import { waitForDecision } from '../state/waiting.ts'
import { GuestEnded } from './guest-ended.tsx'
import { Card, NameField, StorageWarning, useName } from './parts.tsx'

interface GuestPageProps {
  readonly url: string
  readonly path: string
  /** The path of the chat, if this browser's user is already a member. */
  readonly inside: string | undefined
}

export function GuestPage({ url, path, inside }: GuestPageProps) {
  const [request, setRequest] = useState(() => requestKey(path))
  const [ended, setEnded] = useState<string>()
  const askAgain = (): void => {
    forgetRequest(path)
    setEnded(undefined)
  }
  if (ended !== undefined) return <GuestEnded kind={ended} again={askAgain} />
  if (request !== undefined) {
    return (
      <Waiting
        url={url}
        path={path}
        request={request}
        end={(kind) => {
          // The owner can still approve a declined guest.
          if (kind !== 'declined') forgetRequest(path)
          setRequest(undefined)
          setEnded(kind === 'link-not-found' ? 'chat-closed' : kind)
        }}
      />
    )
  }
  if (inside !== undefined) return <AlreadyMember chat={inside} />
  return <KnockForm url={url} path={path} onKnocked={setRequest} end={setEnded} />
}

interface KnockFormProps {
  readonly url: string
  readonly path: string
  readonly onKnocked: (request: RequestKey) => void
  readonly end: (kind: string) => void
}

function KnockForm({ url, path, onKnocked, end }: KnockFormProps) {
  const name = useName()
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
      const guest = await knock(url, name.value === '' ? {} : { name: name.value })
      const request = { clientId: guest.clientId, requestId: guest.requestId, name: name.value }
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
      <p class="lead">Say who you are and knock. The owner sees it at once and lets you in. You need no account.</p>
      <StorageWarning />
      <form onSubmit={submit}>
        <NameField name={name} hint="The owner sees it when you knock." />
        <button type="submit" class="primary wide" disabled={busy || name.problem !== ''}>
          {busy ? 'Knocking …' : 'Ask to join'}
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
  readonly end: (kind: string) => void
}

function Waiting({ url, path, request, end }: WaitingProps) {
  const [isLost, setLost] = useState(false)
  const [error, setError] = useState('')
  const guest = new Guest(url, request.clientId, request.requestId)
  const isAtRisk = isRequestAtRisk(path)

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
        if (cause instanceof SillyChatError) return end(cause.kind)
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
      if (isRefusal(cause)) end(cause.kind)
      else setError(sentenceFor(cause))
    }
  }

  return (
    <Card title="You are at the door">
      <div class="waiting" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
      <p class="lead" role="status">
        {isLost
          ? 'The connection is lost. Trying again …'
          : 'The owner has been told that you knock. This page moves on by itself.'}
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
        <dt>Your request code</dt>
        <dd class="code large">{request.requestId}</dd>
      </dl>
      <p class="small">
        Tell the owner this code, by phone or mail, so that they know it is you.{' '}
        {!isAtRisk && 'You may close this page and open the invitation again in this browser: you keep your place.'}
      </p>
      <p role="alert" class="error">
        {isAtRisk &&
          'This browser cannot store your place at the door: its storage is full or blocked. Do not close or reload this tab, or you lose it.'}
      </p>
      <button type="button" class="quiet" onClick={withdraw}>
        Do not ask any more
      </button>
      <p role="alert" class="error">
        {error}
      </p>
    </Card>
  )
}

function AlreadyMember({ chat }: { chat: string }) {
  return (
    <Card title="You are in this chat already">
      <p class="lead">This invitation leads to a chat that this browser is in. To invite somebody else, send it on.</p>
      <p>
        <a class="button primary" href={chat}>
          Open the chat
        </a>
      </p>
    </Card>
  )
}
