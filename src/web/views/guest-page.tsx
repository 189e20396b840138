/** Somebody opens an invitation: asks, waits at the door, and is in, or learns why not. */
import { useEffect, useState } from 'preact/hooks'
import { Guest, knock, SillyChatError } from '../../client/index.ts'
import { go } from '../state/address.ts'
import { isRefusal, sentenceFor } from '../state/errors.ts'
import { endedChatBehind, forgetRequest, keepChat, keepRequest, type RequestKey, requestKey } from '../state/keys.ts'
import { isRequestAtRisk } from '../state/risks.ts'
import { decision } from '../state/waiting.ts'
import { GuestEnded } from './guest-ended.tsx'
import { Card, NameField, NothingKept, useName } from './parts.tsx'

interface GuestPageProps {
  readonly url: string
  readonly path: string
  /** The path of the chat, if this browser is in it already. */
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
          // An owner may let somebody in after all.
          if (kind !== 'declined') forgetRequest(path)
          setRequest(undefined)
          setEnded(kind === 'link-not-found' ? 'chat-closed' : kind)
        }}
      />
    )
  }
  if (inside !== undefined) return <Inside chat={inside} />
  return <Asking url={url} path={path} asked={setRequest} end={setEnded} />
}

interface AskingProps {
  readonly url: string
  readonly path: string
  readonly asked: (request: RequestKey) => void
  readonly end: (kind: string) => void
}

function Asking({ url, path, asked, end }: AskingProps) {
  const name = useName()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState('')

  // Looks whether the link is open, which knocks at nothing.
  useEffect(() => {
    fetch(url, { method: 'HEAD', headers: { accept: 'application/json' } }).then(
      async ({ status }) => {
        if (status === 404) end('link-not-found')
        // What has ended stays ended, so that this asks for nothing but the reason.
        if (status === 410) await knock(url).catch((cause) => cause instanceof SillyChatError && end(cause.kind))
      },
      // TypeError: no answer arrived. To knock will say so.
      () => undefined
    )
  }, [url])

  // Whoever was put out may have been let in again.
  useEffect(() => {
    const [chat, key] = endedChatBehind(path) ?? []
    if (chat === undefined || key === undefined) return
    new Guest(url, key.userId, '').state().then(
      (found) => found.chat !== null && go(chat, { replace: true }),
      // Refused, as is to be expected, or no answer arrived: then asking is the way in.
      () => undefined
    )
  }, [url])

  async function ask(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setError('')
    try {
      const guest = await knock(url, name.value === '' ? {} : { name: name.value })
      const request = { clientId: guest.clientId, requestId: guest.requestId, name: name.value }
      keepRequest(path, request)
      asked(request)
    } catch (cause) {
      if (cause instanceof SillyChatError && (cause.status === 410 || cause.status === 404)) end(cause.kind)
      else setError(sentenceFor(cause))
      setBusy(false)
    }
  }

  return (
    <Card title="You are invited to a chat" eyebrow="Silly Chat">
      <p class="lead">Say who you are and knock. The owner sees it at once and lets you in. You need no account.</p>
      <NothingKept />
      <form onSubmit={ask}>
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
    decision(guest, stop.signal, (state) => setLost(state === 'lost')).then(
      (chat) => {
        if (chat === undefined) return
        keepChat(chat, { userId: request.clientId, name: request.name, since: Date.now(), link: path })
        forgetRequest(path)
        go(chat, { replace: true })
      },
      (cause: unknown) => {
        if (cause instanceof SillyChatError) return end(cause.kind)
        // A fault of the page's own says nothing about the request, which is kept.
        setError(sentenceFor(cause))
      }
    )
    return () => stop.abort()
  }, [url, request.clientId])

  async function takeBack(): Promise<void> {
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
      <button type="button" class="quiet" onClick={takeBack}>
        Do not ask any more
      </button>
      <p role="alert" class="error">
        {error}
      </p>
    </Card>
  )
}

function Inside({ chat }: { chat: string }) {
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
