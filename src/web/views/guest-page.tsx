/** Somebody opens an invitation: asks, waits at the door, and is in, or learns why not. */
import { useEffect, useState } from 'preact/hooks'
import { Guest, knock, SillyChatError } from '../../client/index.ts'
import { go } from '../state/address.ts'
import { sentenceFor } from '../state/errors.ts'
import { forgetRequest, keepChat, keepRequest, type RequestKey, requestKey } from '../state/keys.ts'
import { homeAddress } from './notices.tsx'
import { Card, NameField, useName } from './parts.tsx'

interface GuestPageProps {
  readonly url: string
  readonly path: string
  /** The path of the chat, if this browser is in it already. */
  readonly inside: string | undefined
}

export function GuestPage({ url, path, inside }: GuestPageProps) {
  const [request, setRequest] = useState(() => requestKey(path))
  const [ended, setEnded] = useState<string>()
  if (ended !== undefined) return <Ended kind={ended} again={() => setEnded(undefined)} />
  if (request !== undefined) {
    return (
      <Waiting
        url={url}
        path={path}
        request={request}
        end={(kind) => {
          forgetRequest(path)
          setRequest(undefined)
          setEnded(kind)
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
        if (status === 410) end('link-ended')
      },
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
  const [offline, setOffline] = useState(false)
  const guest = new Guest(url, request.clientId, request.requestId)

  useEffect(() => {
    const stop = new AbortController()
    guest.admitted({ signal: stop.signal, onState: (state) => setOffline(state === 'lost') }).then(
      (chat) => {
        const chatPath = new URL(chat.url).pathname
        keepChat(chatPath, { userId: request.clientId, name: request.name, since: Date.now(), link: url })
        forgetRequest(path)
        go(chatPath, { replace: true })
      },
      (cause: unknown) => {
        if (stop.signal.aborted) return
        end(cause instanceof SillyChatError ? cause.kind : 'lost')
      }
    )
    return () => stop.abort()
  }, [url, request.clientId])

  async function takeBack(): Promise<void> {
    await guest.leave().catch(() => undefined)
    end('left')
  }

  return (
    <Card title="You are at the door">
      <div class="waiting" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
      <p class="lead" role="status">
        {offline
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
        Tell the owner this code, by phone or mail, so that they know it is you. You may close this page and open the
        invitation again in this browser: you keep your place.
      </p>
      <button type="button" class="quiet" onClick={takeBack}>
        Do not ask any more
      </button>
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

interface Ending {
  readonly title: string
  readonly text: string
  readonly again?: true
}

const NEW_LINK = 'Ask the person who invited you for a new one.'

const ENDINGS: Record<string, Ending> = {
  declined: { title: 'The owner has said no', text: 'Your request was declined.' },
  left: {
    title: 'You are not asking any more',
    text: 'Your request is taken back. You may ask again at any time.',
    again: true
  },
  'link-expired': { title: 'This invitation has run out', text: NEW_LINK },
  'link-revoked': { title: 'This invitation was taken back', text: NEW_LINK },
  'link-full': { title: 'This invitation is used up', text: `As many people as it admits have come in. ${NEW_LINK}` },
  'link-ended': { title: 'This invitation has ended', text: NEW_LINK },
  'link-not-found': {
    title: 'This invitation leads nowhere',
    text: `The chat was closed, or the address is not complete. ${NEW_LINK}`
  },
  'not-this-guest': { title: 'This browser has no place at this door', text: 'You may ask again.', again: true }
}

const UNKNOWN: Ending = { title: 'That did not work', text: 'Something went wrong. You may ask again.', again: true }

function Ended({ kind, again }: { kind: string; again: () => void }) {
  const { title, text, again: may } = ENDINGS[kind] ?? UNKNOWN
  return (
    <Card title={title}>
      <p class="lead">{text}</p>
      <div class="actions">
        {may === true && (
          <button type="button" class="primary" onClick={again}>
            Ask again
          </button>
        )}
        <a class="button" href={homeAddress()}>
          To the start
        </a>
      </div>
    </Card>
  )
}
